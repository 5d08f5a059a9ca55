import type { KubeObject } from './kube-api.ts'
import { textAt } from './kube-fields.ts'

/** An object by its namespace and name. */
export interface ObjectPlace {
  namespace: string
  name: string
}

/** Spegel's DaemonSet for a release of this name (templates/_helpers.tpl, spegel.fullname). */
export function daemonSetOf(namespace: string, release: string): ObjectPlace {
  const name = release.includes('spegel') ? release : `${release}-spegel`
  return { namespace, name: name.slice(0, 63).replace(/-$/, '') }
}

/** The DaemonSet that a HelmRelease makes (helm-controller: GetReleaseName, GetReleaseNamespace). */
export function daemonSetOfRelease(release: KubeObject, { namespace, name }: ObjectPlace): ObjectPlace {
  const target = textAt(release, 'spec', 'targetNamespace')
  const called = textAt(release, 'spec', 'releaseName') ?? (target === null ? name : `${target}-${name}`)
  return daemonSetOf(target ?? namespace, called)
}

/** The HelmRelease that made an object, by the labels that Flux gives to all it makes; null: Flux did not make it. */
export function releaseOf(object: KubeObject): ObjectPlace | null {
  const name = textAt(object, 'metadata', 'labels', 'helm.toolkit.fluxcd.io/name')
  const namespace = textAt(object, 'metadata', 'labels', 'helm.toolkit.fluxcd.io/namespace')
  return name === null || namespace === null ? null : { namespace, name }
}

export function isSamePlace(a: ObjectPlace | null, b: ObjectPlace | null): boolean {
  return a?.namespace === b?.namespace && a?.name === b?.name
}
