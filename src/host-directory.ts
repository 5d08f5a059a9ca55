/**
 * The directory that Talos writes, and containerd looks for first, for a registry: `*` is `_default`, and
 * the last colon starts a port (`192.168.1.106:5000` is `192.168.1.106_5000_`). A colon at the very start starts none.
 */
export function hostDirectory(registry: string): string {
  if (registry === '*') return '_default'
  const colon = registry.lastIndexOf(':')
  return colon > 0 ? `${registry.slice(0, colon)}_${registry.slice(colon + 1)}_` : registry
}
