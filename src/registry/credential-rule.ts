const DOCKER_HUB = { endpoint: 'https://registry-1.docker.io', realm: 'https://auth.docker.io' }

/**
 * Whether the credentials of an endpoint may go to a token realm that it names. Three realms may have them and no
 * other, whatever the registry says: one of the same origin; one of the same host name over https, whose certificate
 * proves the name; and Docker Hub's for Docker Hub. A registry that was tampered with must not collect passwords.
 */
export function mayHaveCredentials(endpoint: URL, realm: URL): boolean {
  if (realm.origin === endpoint.origin) return true
  if (realm.protocol === 'https:' && realm.hostname === endpoint.hostname) return true
  return endpoint.origin === DOCKER_HUB.endpoint && realm.origin === DOCKER_HUB.realm
}
