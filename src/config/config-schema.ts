import { MAX_REPOSITORY, REPOSITORY_PATTERN } from '../containerd/reference.ts'

/** One field or section of the configuration: JSON Schema, plus `duration` for lengths of time. */
export interface ConfigSchema {
  type: string | readonly string[]
  description?: string
  default?: unknown
  enum?: readonly unknown[]
  /** Milliseconds; `off`: whether 0 is allowed and turns the activity off. */
  duration?: { min: number; max: number; off: boolean }
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  items?: ConfigSchema
  properties?: Readonly<Record<string, ConfigSchema>>
  additionalProperties?: false | ConfigSchema
}

const HOUR = 3_600_000

/** The types that a value may have; none where there is no schema. */
export function typesOf(schema: ConfigSchema | null): readonly string[] {
  if (schema === null) return []
  return typeof schema.type === 'string' ? [schema.type] : schema.type
}

function section(description: string, properties: Readonly<Record<string, ConfigSchema>>): ConfigSchema {
  return { type: 'object', description, properties, additionalProperties: false }
}

function path(description: string, value: string): ConfigSchema {
  return { type: 'string', description, default: value, pattern: '^/' }
}

function optionalPath(description: string): ConfigSchema {
  return { type: ['string', 'null'], description, default: null, pattern: '^/' }
}

function version(description: string): ConfigSchema {
  return { type: ['string', 'null'], description, default: null, pattern: '^v?[0-9]+\\.[0-9]+' }
}

function choice(description: string, values: readonly string[], value: string): ConfigSchema {
  return { type: 'string', description, enum: values, default: value }
}

function duration(
  description: string,
  value: string,
  bounds: { min: number; max: number; off: boolean },
): ConfigSchema {
  return { type: ['string', 'integer'], description, default: value, duration: bounds }
}

function toggle(description: string, value: boolean): ConfigSchema {
  return { type: 'boolean', description, default: value }
}

function texts(description: string, value: readonly string[]): ConfigSchema {
  return { type: 'array', description, default: value, items: { type: 'string', minLength: 1 } }
}

const INTERVAL = { min: 1000, max: 24 * HOUR, off: true }

/** The one description of the configuration: the loader checks by it and docs/configuration.md is made from it. */
export const CONFIG_SCHEMA: ConfigSchema = section('The configuration of `pullpath agent`.', {
  node: section('This node, as Spegel and Kubernetes know it.', {
    name: {
      type: 'string',
      description: "The node's name. Where `NODE_NAME` is not set, the host name.",
      default: '${NODE_NAME}',
      minLength: 1,
    },
    ip: {
      type: 'string',
      description: "The address that stands in Spegel's mirror targets: `status.hostIP` of the downward API.",
      default: '${NODE_IP}',
      minLength: 1,
    },
  }),
  host: section("The node's file system.", {
    root: path('Where it is mounted. Every other path of the node is written as the daemon sees it.', '/host'),
  }),
  intent: section('What was declared in Git.', {
    talos: section('Talos machine configuration patches.', {
      patches: texts(
        "Absolute paths of the agent's own container, `*` and `?` allowed; merged in this order. Empty: Talos declares nothing.",
        ['/etc/pullpath/talos/*.yaml'],
      ),
      version: version('The Talos release that reads them; null: the newest that Pullpath knows is assumed, and said.'),
      imageCache: choice(
        "Whether Talos' image cache endpoint is expected; `auto`: it is accepted, present or not.",
        ['auto', 'on', 'off'],
        'auto',
      ),
    }),
    spegel: section("Spegel's settings.", {
      from: choice(
        'Where they are read from: the DaemonSet or the HelmRelease of the cluster, or files. Without a Kubernetes API, until it has answered once, and for commands the files of `values` serve for all but `none`.',
        ['daemonset', 'helmrelease', 'values', 'none'],
        'daemonset',
      ),
      namespace: {
        type: 'string',
        description: 'The namespace of Spegel; of its HelmRelease, where that is read.',
        default: 'kube-system',
        minLength: 1,
      },
      name: {
        type: 'string',
        description:
          'The name of its release: the DaemonSet is called so, or `<name>-spegel` where it has no `spegel` in it.',
        default: 'spegel',
        minLength: 1,
      },
      values: texts('Absolute paths of a HelmRelease, Helm values, a rendered DaemonSet or arguments.', [
        '/etc/pullpath/spegel/*.yaml',
      ]),
      version: version('The release of the chart; null: as the files say, else the newest that Pullpath knows.'),
    }),
  }),
  containerd: section('The daemon that pulls.', {
    hostsDir: path('The directory that Talos and Spegel write.', '/etc/cri/conf.d/hosts'),
    configFile: optionalPath(
      "The daemon's configuration, such as `/etc/cri/containerd.toml`, read with what it imports; credentials in it are dropped. null: it is not read, and what it would say is assumed.",
    ),
    socket: optionalPath(
      "The daemon's socket, such as `/run/containerd/containerd.sock`: it is asked what it knows. Its directory must be mounted, not the socket, which a restart replaces. null: the daemon is not asked.",
    ),
    version: version(
      'The release of containerd; null: as the daemon says, else as the Node in Kubernetes does, else that of the newest Talos release is assumed, and said.',
    ),
    pullMode: {
      type: ['string', 'null'],
      description:
        'How CRI pulls; null: from `configFile`, else `local` below `/etc/cri`, else the default of the release.',
      enum: ['local', 'transfer', null],
      default: null,
    },
    proof: section("The daemon's own proof of what it resolves and asks.", {
      interval: duration('How often.', '1h', INTERVAL),
    }),
  }),
  watch: section('How changes are noticed.', {
    rescan: duration('How often files are looked at even when nothing was reported.', '5s', {
      min: 100,
      max: HOUR,
      off: true,
    }),
    settle: duration('A difference counts when two readings this far apart are equal.', '250ms', {
      min: 10,
      max: 60_000,
      off: false,
    }),
    holdDown: duration(
      'How long Events and the condition wait for Spegel after boot, and after the start of an agent that has not seen it yet. What a rollout of Spegel brings with it has to last so long.',
      '2m',
      { min: 0, max: HOUR, off: true },
    ),
  }),
  probe: section('Requests to the endpoints of the pull path, one after the other.', {
    interval: duration(
      'How often each is asked; a tenth sooner or later, so that the nodes do not ask at once.',
      '1m',
      INTERVAL,
    ),
    timeout: duration('For one probe, with all that it asks.', '10s', { min: 100, max: HOUR, off: false }),
    public: toggle(
      'Whether public registries are probed too. Peers, plain http, private addresses, the names of `harbor` and the registries of `images` are always.',
      false,
    ),
    images: {
      type: 'object',
      description:
        'What to ask each registry for: its manifest and the beginning of its blobs. A small image that stays; without one, or where it is missing, only the API is asked.',
      default: { '192.168.1.106': 'library/pullpath-canary:tag-0' },
      additionalProperties: { type: 'string', minLength: 1 },
    },
  }),
  canary: section(
    'The images whose pulls are measured and proven, as `canary push` makes them: see [measuring](measuring.md).',
    {
      image: {
        type: 'string',
        description: 'Its repository at the origin. It is measured where Talos or Spegel declare its registry.',
        default: '192.168.1.106/library/pullpath-canary',
        pattern: REPOSITORY_PATTERN,
        maxLength: MAX_REPOSITORY,
      },
      tags: {
        type: 'integer',
        description: 'How many tags it has: `tag-0` and so on, each measured in its turn.',
        default: 8,
        minimum: 1,
        maximum: 1000,
      },
      interval: duration('How often.', '1h', INTERVAL),
      methods: {
        type: 'array',
        description: 'How it is pulled: over HTTP past containerd, and by containerd itself.',
        default: ['probe', 'containerd'],
        items: { type: 'string', enum: ['probe', 'containerd'] },
      },
    },
  ),
  observe: section('The pulls that others make on this node, as `docs/measuring.md` says. Needs `containerd.socket`.', {
    enabled: toggle('Whether they are measured.', true),
  }),
  registryAuth: section('Credentials of registries. They go to their own host alone, and to no peer.', {
    dockerConfigFile: optionalPath(
      'A `config.json` in the form of Docker: for what is measured of the origin, for `canary push`, and for probes of who refuses anybody. Name a host for the agent only where its canary is in a private project.',
    ),
  }),
  harbor: section('The Harbor that is the origin. It is asked where a pull path leads to it.', {
    url: {
      type: ['string', 'null'],
      description: 'Its base URL, where its health is asked for; null: it is not.',
      default: 'http://192.168.1.106',
      pattern: '^https?://',
    },
    extraUrls: {
      type: 'array',
      description: 'Other faces of the same Harbor whose realm is checked too.',
      default: [],
      items: { type: 'string', pattern: '^https?://' },
    },
  }),
  spegel: section('The Spegel of this node, and as it is looked at to tell where bytes came from.', {
    port: {
      type: ['integer', 'null'],
      description: 'The port of its registry on the node; null: that of the first of its targets.',
      default: null,
      minimum: 1,
      maximum: 65535,
    },
    peersFrom: choice(
      'Where the nodes that run it are learnt from, for the slots of the canary and to ask them what they have. `endpointslice`: from its headless service, where the Kubernetes API is asked and the canary is measured (`canary.interval`); `none`: they are not.',
      ['endpointslice', 'none'],
      'endpointslice',
    ),
    peers: {
      type: 'array',
      description:
        "The nodes' Spegel by address, such as `http://192.168.1.99:29999` (its host port); this node's own is left out.",
      default: [],
      items: { type: 'string', pattern: '^https?://' },
    },
    metrics: {
      type: ['string', 'null'],
      description:
        "The metrics of this node's Spegel, such as `http://10.244.0.5:9090/metrics`; null: they are not read.",
      default: null,
      pattern: '^https?://',
    },
  }),
  kubernetes: section(
    'The Kubernetes API, which is asked for Spegel, for the nodes that run it and for this Node, and told what is found.',
    {
      enabled: choice(
        'Whether it is asked. `auto`: where a service account is mounted.',
        ['auto', 'on', 'off'],
        'auto',
      ),
      events: toggle('Whether a finding that starts or ends becomes an Event of the Node.', true),
      nodeCondition: toggle(
        'Whether drift becomes the condition `RegistryMirrorsDrifted` of the Node. Needs the right to patch `nodes/status`.',
        false,
      ),
    },
  ),
  http: section('What the agent serves.', {
    port: {
      type: 'integer',
      description: 'The TCP port; 0: any free one. A change needs a restart.',
      default: 9478,
      minimum: 0,
      maximum: 65535,
    },
    host: {
      type: 'string',
      description: 'The address to listen on. A change needs a restart.',
      default: '0.0.0.0',
      minLength: 1,
    },
    tokenFile: optionalPath(
      'The file of the bearer token that starting a measurement requires: one line of 16 characters or more, read anew each time. null: nobody may.',
    ),
  }),
  log: section('The log on standard output.', {
    level: choice(
      'From which level on lines are written.',
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'info',
    ),
  }),
})
