/** The agent's own configuration, with every default filled in. All durations are milliseconds; 0 is off. */
export interface Config {
  node: { name: string; ip: string }
  host: { root: string }
  intent: {
    talos: { patches: string[]; version: string | null; imageCache: 'auto' | 'on' | 'off' }
    spegel: {
      from: 'daemonset' | 'helmrelease' | 'values' | 'none'
      namespace: string
      name: string
      values: string[]
      version: string | null
    }
  }
  containerd: {
    hostsDir: string
    configFile: string | null
    socket: string | null
    version: string | null
    pullMode: 'local' | 'transfer' | null
    proof: { interval: number }
  }
  watch: { rescan: number; settle: number; holdDown: number }
  probe: { interval: number; timeout: number; public: boolean; images: Record<string, string> }
  canary: { image: string; tags: number; interval: number; methods: ('probe' | 'containerd')[] }
  observe: { enabled: boolean }
  registryAuth: { dockerConfigFile: string | null }
  harbor: { url: string | null; extraUrls: string[] }
  spegel: { port: number | null; peersFrom: 'endpointslice' | 'none'; peers: string[]; metrics: string | null }
  kubernetes: { enabled: 'auto' | 'on' | 'off'; events: boolean; nodeCondition: boolean }
  http: { port: number; host: string; tokenFile: string | null }
  log: { level: LogLevel }
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
