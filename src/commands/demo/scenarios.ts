import { REGISTRY } from './declared.ts'
import type { DemoSite } from './demo-site.ts'
import { breakHostsFile, clearTree, spegelWrites, talosWrites } from './node-writers.ts'

/** What the agent must show after a step. */
export interface Sign {
  reason: string
  present: boolean
}

interface Step {
  /** What happens, as somebody on call would tell it. */
  story: string
  act(site: DemoSite): Promise<void>
  sign: Sign
}

export interface Scenario {
  summary: string
  steps: readonly Step[]
}

const RECREATE_SPEGEL = "The remedy: the Spegel pod is recreated, so its init container puts Spegel's entries back."

/** The incidents that the demo plays, with the writers that predict real nodes. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'talos-resync': {
    summary: "Talos rewrites the tree, Spegel's entries are gone, and nothing says so",
    steps: [
      {
        story:
          'A registry password is rotated in the Talos machine config. Talos makes the whole hosts tree its own again and deletes what Spegel wrote. Pulls go on working, from Harbor alone.',
        act: (site) => talosWrites(site.hostsDir, site.talosIntent),
        sign: { reason: 'peer-mirror-missing', present: true },
      },
      {
        story: RECREATE_SPEGEL,
        act: (site) => spegelWrites(site.hostsDir, site.spegelIntent),
        sign: { reason: 'peer-mirror-missing', present: false },
      },
    ],
  },
  'spegel-takes-all': {
    summary: 'Spegel is rolled out with an empty mirroredRegistries and takes the plain-HTTP mirror away',
    steps: [
      {
        story:
          "Somebody upgrades Spegel by hand, with an empty mirroredRegistries. Its init container writes _default alone and moves Talos' entry into _backup. What peers do not have, containerd now asks Harbor over https, which Harbor does not speak.",
        act: (site) => spegelWrites(site.hostsDir, { ...site.spegelIntent, mirroredRegistries: [] }),
        sign: { reason: 'plain-http-lost', present: true },
      },
      {
        story: "The remedy: Spegel is rolled out with Git's values again.",
        act: (site) => spegelWrites(site.hostsDir, site.spegelIntent),
        sign: { reason: 'plain-http-lost', present: false },
      },
    ],
  },
  'broken-toml': {
    summary: 'a hosts.toml loses a quote, and containerd silently ignores the file',
    steps: [
      {
        story:
          'A privileged pod edits hosts.toml and forgets a quote. Nothing fails: containerd logs one line and goes to the default upstream.',
        act: (site) => breakHostsFile(site.hostsDir, REGISTRY),
        sign: { reason: 'hosts-file-invalid', present: true },
      },
      {
        story: RECREATE_SPEGEL,
        act: (site) => spegelWrites(site.hostsDir, site.spegelIntent),
        sign: { reason: 'hosts-file-invalid', present: false },
      },
    ],
  },
  reboot: {
    summary: 'after a reboot the tree is that of Talos alone, until Spegel starts',
    steps: [
      {
        story:
          'The node reboots. The hosts tree lives in memory and is gone; Talos writes its own before containerd starts. The agent is up before Spegel is.',
        async act(site) {
          await site.stopAgent()
          await clearTree(site.hostsDir)
          await talosWrites(site.hostsDir, site.talosIntent)
          await site.startAgent()
        },
        sign: { reason: 'peer-mirror-missing', present: true },
      },
      {
        story: "The Spegel pod starts, and its init container writes Spegel's entries before those of Talos.",
        act: (site) => spegelWrites(site.hostsDir, site.spegelIntent),
        sign: { reason: 'peer-mirror-missing', present: false },
      },
    ],
  },
}
