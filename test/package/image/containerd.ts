import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TOOLS } from './build-image.ts'
import { Cri } from './cri.ts'
import { run, startDaemon } from './program.ts'

/** A containerd with the interface that the kubelet uses. */
export interface Containerd {
  cri: Cri
  version: string
  /** What it logged so far. */
  output(): string
  stop(): Promise<void>
}

export interface ContainerdOptions {
  /** Which of the two that `.ci/tools` unpacked. */
  major: 1 | 2
  /** Its own, removed by the caller. */
  directory: string
  /** The hosts tree that it pulls by. */
  hostsDir: string
  /** Where it listens. */
  socket: string
  /** The image that a pod's sandbox is made of. */
  pauseImage: string
}

export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const { major, directory, socket } = options
  for (const it of [directory, dirname(socket)]) mkdirSync(it, { recursive: true })
  const file = join(directory, 'config.toml')
  writeFileSync(file, configOf(options, await snapshotter(directory)))
  const bin = join(TOOLS, `containerd-${major}`, 'usr', 'bin')
  // Its shims are found beside it, and runc in the system's directories.
  const env = { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin` }
  const version = (await run(join(bin, 'containerd'), ['--version'])).trim().split(' ')[2] ?? ''
  const daemon = startDaemon(join(bin, 'containerd'), ['--config', file], { env })
  await daemon.said('containerd successfully booted')
  const cri = new Cri(socket)
  await cri.ready()
  return { cri, version, output: daemon.output, stop: daemon.stop }
}

/** As Talos sets it: what nodes have, unless the directory lies where the kernel cannot put an overlay. */
async function snapshotter(directory: string): Promise<'overlayfs' | 'native'> {
  const [lower = '', upper = '', work = '', merged = ''] = ['lower', 'upper', 'work', 'merged'].map((name) => {
    return join(directory, 'overlay', name)
  })
  for (const it of [lower, upper, work, merged]) mkdirSync(it, { recursive: true })
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
  try {
    await run('mount', ['-t', 'overlay', 'overlay', '-o', layers, merged])
    await run('umount', [merged])
    return 'overlayfs'
  } catch {
    return 'native'
  } finally {
    rmSync(join(directory, 'overlay'), { recursive: true })
  }
}

function configOf({ major, directory, hostsDir, socket, pauseImage }: ContainerdOptions, snapshotter: string) {
  // Machines that run tests often lack CAP_SYS_RESOURCE, without which no score of the OOM killer can be lowered, as
  // the kubelet asks for critical pods. With this the scores stay those of containerd: nothing here can tell of them.
  const scores = 'restrict_oom_score_adj = true'
  const common = `root = '${directory}/root'
state = '${directory}/state'
[grpc]
  address = '${socket}'
[ttrpc]
  address = '${socket}.ttrpc'
`
  if (major === 1) {
    return `version = 2
${common}[plugins.'io.containerd.grpc.v1.cri']
  sandbox_image = '${pauseImage}'
  ${scores}
[plugins.'io.containerd.grpc.v1.cri'.containerd]
  snapshotter = '${snapshotter}'
[plugins.'io.containerd.grpc.v1.cri'.registry]
  config_path = '${hostsDir}'
`
  }
  return `version = 3
${common}[plugins.'io.containerd.cri.v1.images']
  snapshotter = '${snapshotter}'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${pauseImage}'
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '${hostsDir}'
[plugins.'io.containerd.cri.v1.runtime']
  ${scores}
`
}
