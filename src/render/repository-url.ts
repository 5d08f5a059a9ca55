/**
 * A repository of an endpoint as people write it, and as `canary push` takes it: without the API's own part of the
 * path. `endpoint`: `http://192.168.1.106/v2`.
 */
export function repositoryUrl(endpoint: string, repository: string): string {
  return `${endpoint.replace(/\/v2(?=\/|$)/, '')}/${repository}`
}
