import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run } from './program.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')

/** Where `.ci/tools` puts what it unpacks. */
export const TOOLS = process.env.PULLPATH_TOOLS ?? join(homedir(), '.cache', 'pullpath-tools')

/** What machines keep their certificate authorities in, and what Node is told of them by. */
const AUTHORITIES = { file: '/etc/ssl/certs/ca-certificates.crt', variable: 'NODE_EXTRA_CA_CERTS' }

/** What an image says of itself, as Docker's format has it. */
export interface ImageConfig {
  architecture: string
  os: string
  config: {
    User: string
    Env: string[]
    Entrypoint: string[]
    Cmd: string[]
    Labels: Record<string, string>
    ExposedPorts: Record<string, unknown>
    Healthcheck: { Test: string[] }
  }
  rootfs: { diff_ids: string[] }
}

/** Images in a storage of their own, which is a directory that the caller removes. */
export class ImageBuilder {
  readonly #directory: string
  readonly #storage: readonly string[]

  constructor(directory: string) {
    this.#directory = directory
    // vfs needs no mount and no kernel support, so that it works wherever there is root.
    this.#storage = ['--root', join(directory, 'storage'), '--runroot', join(directory, 'run')]
  }

  async #buildah(...args: string[]): Promise<string> {
    return await run('buildah', [...this.#storage, '--storage-driver', 'vfs', ...args])
  }

  async #build(context: string, tag: string, ...args: string[]): Promise<string> {
    const common = ['--isolation', 'chroot', '--format', 'docker', '--pull=false', '--tag', tag]
    return await this.#buildah('build', ...common, ...args, context)
  }

  /** Builds the image of the Dockerfile, on bases made here from Debian's packages; `args` are build arguments. */
  async buildPullpath(tag: string, args: Readonly<Record<string, string>> = {}): Promise<void> {
    const all = { ...args, BUILD_BASE: await this.#buildBase(), BASE: await this.#runBase() }
    const given = Object.entries(all).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
    const cache = (await run('npm', ['config', 'get', 'cache'], { cwd: ROOT })).trim()
    mkdirSync(cache, { recursive: true })
    await this.#build(ROOT, tag, ...given, '--volume', `${cache}:/root/.npm`)
  }

  /** Rejects with what the Dockerfile says when bases are not pinned. */
  async buildUnpinned(): Promise<void> {
    const base = (await this.#buildBase()).split('@')[0] ?? ''
    await this.#build(ROOT, 'unpinned', '--build-arg', `BUILD_BASE=${base}`, '--build-arg', `BASE=${base}`)
  }

  /** What stands in for the pause image: a program that sleeps. */
  async buildPause(tag: string): Promise<void> {
    const context = join(this.#directory, 'pause')
    mkdirSync(context)
    cpSync(join(TOOLS, 'base-build/usr/bin/busybox'), join(context, 'busybox'))
    await this.#buildFrom(context, tag, 'ENTRYPOINT ["/busybox", "sleep", "2147483647"]')
  }

  async configOf(tag: string): Promise<ImageConfig> {
    const { Docker } = JSON.parse(await this.#buildah('inspect', '--type', 'image', tag))
    return Docker
  }

  /** Bytes of all files, unpacked. */
  async sizeOf(tag: string): Promise<number> {
    return await this.withFiles(tag, async (directory) => {
      return Number((await run('du', ['--summarize', '--bytes', directory])).split('\t')[0])
    })
  }

  /** Calls back with the directory that holds the image's files. */
  async withFiles<T>(tag: string, look: (directory: string) => Promise<T>): Promise<T> {
    const container = (await this.#buildah('from', '--pull-never', tag)).trim()
    try {
      return await look((await this.#buildah('mount', container)).trim())
    } finally {
      await this.#buildah('rm', container)
    }
  }

  /** `reference` is a registry's that speaks plain HTTP. */
  async push(tag: string, reference: string): Promise<void> {
    await this.#buildah('push', '--tls-verify=false', tag, `docker://${reference}`)
  }

  /** A reference by digest. */
  async #pinned(tag: string): Promise<string> {
    const images: { names: string[]; digest: string }[] = JSON.parse(await this.#buildah('images', '--json'))
    const digest = images.find(({ names }) => names?.some((it) => it.startsWith(`${tag}:`)))?.digest
    if (digest === undefined) throw new Error(`no image ${tag}`)
    return `${tag}@${digest}`
  }

  async #buildFrom(context: string, tag: string, ...lines: string[]): Promise<void> {
    const file = join(this.#directory, `${tag.replaceAll('/', '-')}.Dockerfile`)
    writeFileSync(file, ['FROM scratch', 'COPY . /', ...lines, ''].join('\n'))
    await this.#build(context, tag, '--file', file)
  }

  async #runBase(): Promise<string> {
    const tag = 'localhost/base-run'
    await this.#buildFrom(join(TOOLS, 'base-run'), tag)
    return await this.#pinned(tag)
  }

  /** Debian's files with busybox as the shell, the Node of the lock file, npm, and how this machine reaches packages. */
  async #buildBase(): Promise<string> {
    const tag = 'localhost/base-build'
    const base = join(this.#directory, 'base-build')
    if (existsSync(base)) return await this.#pinned(tag)
    cpSync(join(TOOLS, 'base-build'), base, { recursive: true, verbatimSymlinks: true })
    const bin = join(base, 'usr/bin')
    for (const name of (await run(join(bin, 'busybox'), ['--list'])).trim().split('\n')) {
      if (!existsSync(join(bin, name))) symlinkSync('busybox', join(bin, name))
    }
    const modules = join(ROOT, 'node_modules')
    const node = readdirSync(modules).find((it) => it.startsWith('node-linux-')) ?? ''
    cpSync(join(modules, node, 'bin/node'), join(bin, 'node'))
    cpSync(join(TOOLS, 'npm/node_modules/npm'), join(base, 'usr/lib/npm'), { recursive: true, verbatimSymlinks: true })
    symlinkSync('../lib/npm/bin/npm-cli.js', join(bin, 'npm'))
    const registry = (await run('npm', ['config', 'get', 'registry'], { cwd: ROOT })).trim()
    const lines = [`ENV npm_config_registry=${registry} npm_config_prefer_offline=true`]
    if (process.env[AUTHORITIES.variable] !== undefined) {
      mkdirSync(join(base, 'etc/ssl/certs'), { recursive: true })
      cpSync(AUTHORITIES.file, join(base, AUTHORITIES.file))
      lines.push(`ENV ${AUTHORITIES.variable}=${AUTHORITIES.file}`)
    }
    await this.#buildFrom(base, tag, ...lines)
    return await this.#pinned(tag)
  }
}
