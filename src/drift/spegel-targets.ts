import { bracketed } from '../format/ip-address.ts'
import type { SpegelIntent } from '../intent/intent.ts'

/** Spegel's targets as containerd asks them on this node, each once: `http://192.168.1.98:30020/v2`. */
export function targetUrls(spegel: SpegelIntent | null, ip: string): string[] {
  if (spegel === null || !spegel.addsMirrors) return []
  // Spegel's writer refuses a target with a path, so that containerd always appends /v2.
  return [...new Set(spegel.mirrorTargets.map((it) => `${it.replaceAll('$(NODE_IP)', bracketed(ip))}/v2`))]
}
