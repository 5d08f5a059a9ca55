import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { type DirectoryNode, directoryNode } from '../../src/hosts/tree.ts'
import type { Intent } from '../../src/intent/intent.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { NODE_STATES, STATE_H, TALOS_HARBOR, talosDirectory } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const talos = talosIntent([mirror(HARBOR, [`http://${HARBOR}`])])

/** The set-up that works. */
const good = intentOf(talos, spegelIntent(['https://docker.io', `http://${HARBOR}`]))
/** The classic mistake: an empty list, which makes Spegel write _default alone. */
const emptyList = intentOf(talos, spegelIntent([]))
/** Harbor forgotten in a list of public registries. */
const unlisted = intentOf(talos, spegelIntent(['https://docker.io']))
/** Harbor listed over https, nothing kept. */
const wrongScheme = intentOf(
  talos,
  spegelIntent(['https://docker.io', `https://${HARBOR}`], { prependExisting: false }),
)

interface Verdict {
  /** `<registry> <kind> <reason>` of every finding. */
  findings: string[]
  effective: boolean
  inSync: boolean
}

function judge(intent: Intent, tree: DirectoryNode, registry = HARBOR): Verdict {
  const report = evaluate(intent, observing(tree), daemonFacts(), nodeFacts())
  const it = report.registries.find((entry) => entry.registry === registry)
  return {
    findings: report.findings.map((finding) => `${finding.registry} ${finding.kind} ${finding.reason}`).sort(),
    effective: it?.effective === true,
    inSync: it?.inSync === true,
  }
}

const ok = (findings: string[] = []): Verdict => ({ findings, effective: true, inSync: true })
const drifted = (...findings: string[]): Verdict => ({ findings: findings.sort(), effective: false, inSync: false })
/** Exactly as Git asks, and the mirror is not used all the same. */
const asDeclared = (...findings: string[]): Verdict => ({ findings: findings.sort(), effective: false, inSync: true })

const conflict = `${HARBOR} conflict registry-not-mirrored`
const lost = `${HARBOR} conflict plain-http-lost`
const drift = (reason: string, registry = HARBOR) => `${registry} drift ${reason}`

const cases: { intent: Intent; name: string; of: Record<string, Verdict> }[] = [
  {
    name: 'good intent',
    intent: good,
    of: {
      A: ok(),
      B: drifted(drift('peer-mirror-missing'), drift('peer-mirror-missing', 'docker.io')),
      // The server line asks the same endpoint that Talos' table would: containerd does the same.
      C: ok(),
      D: drifted(drift('plain-http-lost')),
      E: drifted(drift('plain-http-lost')),
      F: drifted(drift('mirror-missing')),
      'G empty directory': drifted(drift('mirror-missing')),
      'G empty file': drifted(drift('mirror-missing')),
      'G empty directory beside _default': drifted(drift('mirror-shadowed')),
      'G invalid': drifted(drift('hosts-file-invalid')),
      I: drifted(drift('peer-target-stale')),
    },
  },
  {
    name: 'bad intent: an empty mirroredRegistries',
    intent: emptyList,
    of: {
      // Better than Git asks: it works, and it is not what was declared.
      A: {
        findings: [conflict, drift('endpoint-unexpected'), drift('peer-mirror-missing', '_default')],
        effective: true,
        inSync: false,
      },
      B: drifted(conflict, drift('peer-mirror-missing'), drift('peer-mirror-missing', '_default')),
      C: {
        findings: [conflict, drift('endpoint-unexpected'), drift('peer-mirror-missing', '_default')],
        effective: true,
        inSync: false,
      },
      D: asDeclared(conflict, drift('peer-mirror-missing', '_default')),
      E: asDeclared(conflict),
      F: drifted(conflict, drift('peer-mirror-missing'), drift('peer-mirror-missing', '_default')),
      'G empty directory': drifted(conflict, drift('peer-mirror-missing'), drift('peer-mirror-missing', '_default')),
      'G empty file': drifted(conflict, drift('peer-mirror-missing'), drift('peer-mirror-missing', '_default')),
      'G empty directory beside _default': drifted(conflict, drift('mirror-shadowed')),
      'G invalid': drifted(conflict, drift('hosts-file-invalid'), drift('peer-mirror-missing', '_default')),
      I: drifted(
        conflict,
        drift('endpoint-unexpected'),
        drift('peer-target-stale'),
        drift('peer-mirror-missing', '_default'),
      ),
    },
  },
  {
    name: 'bad intent: Harbor not listed',
    intent: unlisted,
    of: {
      A: { findings: [conflict, drift('endpoint-unexpected')], effective: true, inSync: false },
      // Nothing of Spegel's was declared for Harbor: Talos' own entry alone makes it effective.
      B: {
        findings: [conflict, drift('endpoint-unexpected'), drift('peer-mirror-missing', 'docker.io')],
        effective: true,
        inSync: false,
      },
      C: { findings: [conflict, drift('endpoint-unexpected')], effective: true, inSync: false },
      D: drifted(conflict, drift('endpoint-unexpected')),
      E: drifted(conflict, drift('endpoint-unexpected')),
      F: asDeclared(conflict),
      'G empty directory': asDeclared(conflict),
      'G empty file': asDeclared(conflict),
      'G empty directory beside _default': asDeclared(conflict),
      // containerd ignores the file, and goes where it would go without one.
      'G invalid': asDeclared(conflict),
      I: { findings: [conflict, drift('endpoint-unexpected')], effective: true, inSync: false },
    },
  },
  {
    name: 'bad intent: Harbor listed over https and nothing kept',
    intent: wrongScheme,
    of: {
      A: { findings: [lost, drift('endpoint-unexpected')], effective: true, inSync: false },
      B: drifted(lost, drift('peer-mirror-missing'), drift('peer-mirror-missing', 'docker.io')),
      C: { findings: [lost, drift('endpoint-unexpected')], effective: true, inSync: false },
      D: asDeclared(lost),
      E: asDeclared(lost),
      F: drifted(lost, drift('peer-mirror-missing')),
      'G empty directory': drifted(lost, drift('peer-mirror-missing')),
      'G empty file': drifted(lost, drift('peer-mirror-missing')),
      'G empty directory beside _default': drifted(lost, drift('mirror-shadowed')),
      'G invalid': drifted(lost, drift('hosts-file-invalid')),
      I: drifted(lost, drift('endpoint-unexpected'), drift('peer-target-stale')),
    },
  },
]

for (const { name, intent, of } of cases) {
  for (const [state, verdict] of Object.entries(of)) {
    t.test(`state ${state} under a ${name}`, async (t) => {
      const fixture = NODE_STATES[state]
      if (fixture === undefined) return t.fail(`no fixture for state ${state}`)
      t.same(judge(intent, fixture.tree), { ...verdict, findings: verdict.findings.sort() }, fixture.meaning)
    })
  }
  t.same(Object.keys(of).sort(), Object.keys(NODE_STATES).sort(), `every state has its verdict under a ${name}`)
}

t.test(`state H: ${STATE_H.meaning}`, async (t) => {
  const registry = '192.168.1.106:80'
  const talos = talosIntent([mirror(registry, [`http://${registry}`])])
  const listed = intentOf(talos, spegelIntent(['https://docker.io', `http://${registry}`]))
  t.same(judge(listed, STATE_H.tree, registry), drifted(drift('mirror-shadowed', registry)), 'under a good intent')
  const unlisted = intentOf(talos, spegelIntent(['https://docker.io']))
  t.same(
    judge(unlisted, STATE_H.tree, registry),
    {
      findings: [`${registry} conflict registry-not-mirrored`, drift('mirror-shadowed', registry)],
      effective: true,
      inSync: false,
    },
    'under a bad intent',
  )
})

t.test("Talos' own tree is one finding where the registry has another name than its endpoint", async (t) => {
  const registry = 'harbor.example'
  const talos = talosIntent([mirror(registry, [`http://${HARBOR}`])])
  const intent = intentOf(talos, spegelIntent([`http://${registry}`]))
  const talosAlone = directoryNode([[registry, talosDirectory(TALOS_HARBOR)]])
  t.same(judge(intent, talosAlone, registry), drifted(drift('peer-mirror-missing', registry)))
})
