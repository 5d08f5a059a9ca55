/**
 * Makes the one file that is shipped: node bundle.mjs [--entry=FILE] [--outfile=FILE] [--metafile=FILE]
 * Plain JavaScript, since the image is built by whatever Node its base has.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const { values } = parseArgs({
  options: {
    entry: { type: 'string', default: 'src/main.ts' },
    outfile: { type: 'string', default: 'dist/pullpath.cjs' },
    metafile: { type: 'string' },
  },
})

/**
 * Of client-node its configuration and authentication are used. That file imports two large things that nothing which is
 * used reaches: the generated classes of the whole API, for clients made of them, and undici, for the requests of these.
 * Without them the bundle is 1.1 MB smaller and the agent 13 MiB (docs/dependencies.md). An export that a later version
 * needs as well fails the build.
 */
const STAND_INS = {
  undici:
    'export const Agent = class { constructor() { throw new Error("undici is not bundled") } }; export const ProxyAgent = Agent',
  './gen/index.js':
    'export const ServerConfiguration = class {}; export function createConfiguration() { throw new Error("the generated API is not bundled") }',
}

const leanClientNode = {
  name: 'lean-client-node',
  setup(build) {
    build.onResolve({ filter: /^(undici|\.\/gen\/index\.js)$/ }, ({ path, importer }) =>
      /@kubernetes\/client-node\/dist\/config\.js$/.test(importer) ? { path, namespace: 'stand-in' } : undefined,
    )
    build.onLoad({ filter: /./, namespace: 'stand-in' }, ({ path }) => ({ contents: STAND_INS[path] }))
  },
}

const { metafile } = await build({
  entryPoints: [values.entry],
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minify: true,
  legalComments: 'external',
  external: ['supports-color'],
  logLevel: 'warning',
  outfile: values.outfile,
  metafile: true,
  plugins: [leanClientNode],
})
if (values.metafile !== undefined) writeFileSync(values.metafile, JSON.stringify(metafile))
