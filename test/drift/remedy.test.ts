import t from 'tap'
import { remediesFor } from '../../src/drift/remedy.ts'
import type { SpegelIntent } from '../../src/intent/intent.ts'
import { intentOf, nodeFacts, spegelIntent, version } from '../fixtures/intents.ts'

const remediesOf = (settings: Partial<SpegelIntent>) =>
  remediesFor(intentOf(null, spegelIntent(['https://docker.io'], settings)), nodeFacts())
const at = (file: string) => ({ file, line: 1, column: 1 })

t.test('an edit names the release, since a file may hold several', async (t) => {
  const { command } = remediesOf({ form: 'helmrelease', name: 'p2p', source: at('apps.yaml') }).addMirroredRegistry(
    'http://h',
  )
  t.equal(
    command,
    `yq -i '((select(.kind == "HelmRelease" and .metadata.name == "p2p") | .spec.values.spegel).mirroredRegistries) += ["http://h"]' apps.yaml`,
  )
})

t.test('an edit of plain values', async (t) => {
  const remedies = remediesOf({ form: 'values', source: at('values.yaml') })
  t.equal(
    remedies.setSpegelValue('prependExisting', 'true', 'why').command,
    "yq -i '(.spegel.prependExisting) = true' values.yaml",
  )
})

t.test('a file name is one word to a shell', async (t) => {
  const command = (file: string) =>
    remediesOf({ form: 'values', source: at(file) }).setSpegelValue('resolveTags', 'true', 'why').command
  t.match(command('my values.yaml'), / 'my values\.yaml'$/)
  t.match(command("it's; rm.yaml"), / 'it'\\''s; rm\.yaml'$/)
})

t.test('what no file can be edited for is said in words', async (t) => {
  const { command } = remediesOf({ form: 'args', source: null }).addMirroredRegistry('http://h')
  t.equal(command, "# in Spegel's values, add http://h to mirroredRegistries")
})

t.test('what no command can change is opened where it stands', async (t) => {
  const { command, why } = remediesOf({ form: 'args', source: at('my args.yaml') }).addMirroredRegistry('http://h')
  t.equal(command, "${EDITOR:-vi} +1 'my args.yaml'")
  t.match(why, /^in Spegel's values, add http:\/\/h to mirroredRegistries: lists the registry/)
})

t.test('what is declared cannot end the word that it stands in', async (t) => {
  const evil = `http://h'; touch "here"; '`
  const remedies = remediesOf({ form: 'values', source: at('values.yaml'), namespace: 'a; b', name: "c'd" })
  t.equal(
    remedies.addMirroredRegistry(evil).command,
    String.raw`yq -i '(.spegel.mirroredRegistries) += ["http://h'\''; touch \"here\"; '\''"]' values.yaml`,
  )
  t.match(remedies.recreateSpegelPod().command, /^kubectl -n 'a; b' delete pod/)
  t.match(remedies.applySpegel()[0]?.command, /daemonset 'c'\\''d'$/)
  t.match(remedies.showFile('/hosts/a b/hosts.toml').command, / read '\/hosts\/a b\/hosts\.toml'$/)
})

t.test("Spegel's pod is found by the labels of its chart, on this node", async (t) => {
  const select = (text: string) => remediesOf({ version: version(text) }).recreateSpegelPod().command
  t.match(select('0.7.4'), '-l app.kubernetes.io/component=spegel --field-selector spec.nodeName=k8s-1')
  t.match(select('0.3.0'), '-l app.kubernetes.io/name=spegel --field-selector spec.nodeName=k8s-1')
})

t.test('what is not a HelmRelease is restarted, once its settings are in the cluster', async (t) => {
  const commands = (form: SpegelIntent['form']) => remediesOf({ form, name: 'p2p', namespace: 'spegel' }).applySpegel()
  t.match(commands('helmrelease'), [{ command: 'flux -n spegel reconcile helmrelease p2p --with-source' }, {}])
  t.match(commands('daemonset'), [{ command: 'kubectl -n spegel rollout restart daemonset p2p' }, {}])
})

t.test(
  "Talos' configuration is applied before Spegel's pod is recreated, since a change wipes its entries",
  async (t) => {
    const commands = remediesOf({})
      .applyTalos('why')
      .map((it) => it.command)
    t.match(commands, [/^task talos:apply-node IP=192\.168\.1\.98/, /^kubectl .* delete pod/])
    t.equal(remediesFor(intentOf(null, null), nodeFacts()).applyTalos('why').length, 1)
  },
)
