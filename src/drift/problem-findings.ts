import type { Intent, IntentProblem } from '../intent/intent.ts'
import type { FindingDraft } from './finding.ts'
import { editAt, type Remedies } from './remedy.ts'
import type { Remedy } from './report.ts'

/** Every silent mistake in the intent files, each with its place and how to write it right. */
export function problemFindings(intent: Intent): FindingDraft[] {
  return intent.problems.map((problem) => ({
    kind: 'conflict',
    reason: 'intent-invalid',
    registry: problem.registry === '*' ? '_default' : (problem.registry ?? ''),
    summary: problem.message,
    cause: { actor: 'git', text: MEANING[problem.code], confidence: 'proven' },
    evidence: problem.source === null ? [] : [{ text: problem.message, source: problem.source.file, time: null }],
    remedy: mend(problem),
    source: problem.source,
  }))
}

/** What to write is no command: the command opens the file there. Several ways to mend it are one remedy. */
function mend({ remedy, source }: IntentProblem): Remedy[] {
  if (remedy.length === 0) return []
  const ways = remedy.map(({ command, why }) => {
    const line = command.replace(/\s*\n\s*/g, ', below it ')
    return { change: /^(# |remove )/.test(line) ? line.replace(/^# /, '') : `write \`${line}\``, why }
  })
  const [only] = ways
  if (only !== undefined && ways.length === 1) return [editAt(source, only.change, only.why)]
  return [editAt(source, 'one of these', ways.map(({ change, why }) => `${change} (${why})`).join('; '))]
}

/** Spegel's chart writes to /etc/containerd/certs.d unless told otherwise: on Talos nobody reads there, and it is read-only. */
export function wrongHostsDirectory(intent: Intent, hostsDir: string, remedies: Remedies): FindingDraft | null {
  const spegel = intent.spegel
  if (spegel === null || !spegel.addsMirrors) return null
  if (spegel.registryConfigPath.replace(/\/+$/, '') === hostsDir.replace(/\/+$/, '')) return null
  return {
    kind: 'conflict',
    reason: 'intent-invalid',
    registry: '',
    summary: `Spegel writes to ${spegel.registryConfigPath}, containerd reads ${hostsDir}: none of Spegel's entries would be used`,
    expected: [`containerdRegistryConfigPath: ${hostsDir}`],
    observed: [`containerdRegistryConfigPath: ${spegel.registryConfigPath}`],
    cause: {
      actor: 'git',
      text: "containerdRegistryConfigPath is not containerd's directory; on Talos the init container fails there with 'read-only file system'",
      confidence: 'proven',
    },
    evidence: [
      {
        text: `containerdRegistryConfigPath is ${spegel.registryConfigPath}`,
        source: spegel.source?.file ?? 'Spegel intent',
        time: null,
      },
    ],
    remedy: [
      remedies.setSpegelValue(
        'containerdRegistryConfigPath',
        `"${hostsDir}"`,
        'makes Spegel write where containerd reads',
      ),
      ...remedies.applySpegel(),
    ],
    source: spegel.source,
  }
}

/** Kubernetes puts the address into `http://$(NODE_IP):30020` as it is: one of IPv6 would need brackets there. */
export function unbracketedTargets(intent: Intent, ip: string): FindingDraft | null {
  const { spegel } = intent
  if (spegel === null || !spegel.addsMirrors || !ip.includes(':')) return null
  const target = spegel.mirrorTargets.find((it) => it.includes('//$(NODE_IP)'))?.replace('$(NODE_IP)', ip)
  if (target === undefined) return null
  return {
    kind: 'conflict',
    reason: 'intent-invalid',
    registry: '',
    summary: `The node's address is one of IPv6, and Spegel's mirror target becomes ${target}: containerd can connect to no such address, so every pull goes to the origin`,
    cause: {
      actor: 'git',
      text: "Spegel's chart writes http://$(NODE_IP):PORT, and an IPv6 address in a URL needs brackets",
      confidence: 'proven',
    },
    evidence: [{ text: `${target} is a mirror target`, source: spegel.source?.file ?? 'Spegel intent', time: null }],
    remedy: [
      editAt(
        spegel.source,
        'let the nodes have an IPv4 address first (InternalIP), or leave Spegel out on them',
        'no value of the chart puts brackets around the address of each node',
      ),
    ],
    source: spegel.source,
  }
}

/** What the reader of the value makes of it. */
const MEANING: Record<IntentProblem['code'], string> = {
  SPEGEL_KEY_IGNORED: "Spegel's chart does not read this name, and Helm says nothing",
  SPEGEL_REGISTRY_NO_SCHEME: "Spegel's init container refuses a registry without scheme: its pod does not start",
  SPEGEL_REGISTRY_NOT_A_HOST: "Spegel's init container refuses anything after the host: its pod does not start",
  SPEGEL_REGISTRY_DUPLICATE: 'Spegel writes one file a host: the entry that comes last decides',
  SPEGEL_TARGET_INVALID: "Spegel's init container refuses the target: its pod does not start",
  SPEGEL_TARGET_DUPLICATE:
    'Spegel writes the same table twice, which is invalid TOML: containerd ignores each of its files whole',
  SPEGEL_FILTER_INVALID: "Spegel's registry container refuses the expression: its pod does not start",
  TALOS_ENDPOINT_NO_SCHEME: 'Talos writes the endpoint as it stands, and containerd makes something else of it',
  TALOS_ENDPOINT_INVALID: 'Talos or containerd cannot use the endpoint',
  TALOS_ENDPOINT_DUPLICATE:
    'Talos writes the same table twice, which is invalid TOML: containerd ignores the whole file',
  TALOS_SKIP_FALLBACK_WITHOUT_ENDPOINTS: 'without endpoints skipFallback does nothing',
  TALOS_TLS_UNREACHED: 'the TLS settings do not act as they read',
  TALOS_TLS_WILDCARD: 'Talos refuses TLS settings for every host at once, and writes no tree at all',
  TALOS_KEY_UNKNOWN: 'Talos refuses a document with a name that it does not know',
  TALOS_REGISTRY_NAME: 'containerd looks the registry up by its name in the image reference, which this can never be',
  VARIABLE_UNRENDERED: 'whatever reads the file as it stands takes the placeholder for the value',
  CONTAINERD_OLD_PLUGIN_ID: 'a version-3 configuration ignores the plugin id of containerd 1.x',
  CONTAINERD_PART_INVALID: "Talos cannot merge the part into containerd's configuration",
  CONTAINERD_PART_PATH: "Talos merges only /etc/cri/conf.d/*.part into containerd's configuration",
}
