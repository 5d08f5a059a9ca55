import t from 'tap'
import { declaredRegistries } from '../../src/drift/declared-registries.ts'
import { intentOf, spegelIntent } from '../fixtures/intents.ts'

t.test('a placeholder in mirroredRegistries declares no registry: what it will be is not known', async (t) => {
  const declared = (urls: string[]) => declaredRegistries(intentOf(null, spegelIntent(urls))).map((it) => it.registry)
  t.same(declared(['https://docker.io', 'http://${HARBOR_IP}', 'http://{{ harbor }}', 'http://192.168.1.106:5000']), [
    'docker.io',
    '192.168.1.106:5000',
  ])
})
