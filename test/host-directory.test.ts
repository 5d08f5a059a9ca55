import t from 'tap'
import { hostDirectory } from '../src/host-directory.ts'

t.test('a registry is named as Talos and containerd name its directory', (t) => {
  const cases: [registry: string, directory: string][] = [
    ['*', '_default'],
    ['docker.io', 'docker.io'],
    ['192.168.1.106', '192.168.1.106'],
    ['192.168.1.106:5000', '192.168.1.106_5000_'],
    ['[fd00::2]:5000', '[fd00::2]_5000_'],
    ['[fd00::2]', '[fd00:_2]_'],
    [':5000', ':5000'],
  ]
  for (const [registry, directory] of cases) t.equal(hostDirectory(registry), directory, registry)
  t.end()
})
