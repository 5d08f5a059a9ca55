import type { DeclaredRegistry } from './declared-registries.ts'
import type { FailedProbe } from './probes.ts'
import { editAt, type Remedies, shellWord } from './remedy.ts'
import type { Remedy } from './report.ts'

/** The commands for an endpoint that fails when it is asked. Harbor is taken to be its chart's, in the namespace `harbor`. */
export function endpointRemedy(
  probe: FailedProbe,
  declared: DeclaredRegistry,
  { remedies }: { remedies: Remedies },
): Remedy[] {
  const { failure, url, role } = probe
  if (role === 'peer') {
    return [
      remedies.showSpegelPod(),
      {
        command: `curl -m 5 -sS -o /dev/null -w '%{http_code}\\n' ${shellWord(`${url}/`)}`,
        why: 'shows whether it answers by now',
      },
    ]
  }
  switch (failure.reason) {
    case 'endpoint-down':
      return [
        {
          command: `curl -m 5 -sS -o /dev/null -w '%{http_code}\\n' ${shellWord(`${url}/`)}`,
          why: 'shows whether it answers others: if it does, this node cannot reach it',
        },
        HARBOR_PODS,
      ]
    case 'endpoint-tls':
      if (failure.detail === 'client-certificate') {
        return [editAt(null, `name the key of that certificate in the hosts.toml of ${originOf(url)}`, failure.words)]
      }
      return failure.detail === 'tls-not-spoken' || failure.detail === 'tls-required'
        ? otherScheme(url, declared, remedies)
        : [
            {
              command: `openssl s_client -connect ${shellWord(hostPort(failure.names ?? url))} -showcerts </dev/null`,
              why: 'shows the certificate: have it renewed, or declare its authority in machine.registries.config',
            },
          ]
    case 'endpoint-auth':
      if (failure.detail === 'credentials-refused') return [newLogin(url)]
      if (failure.detail === 'header-refused') {
        return [
          editAt(null, `correct the header of ${originOf(url)} in the hosts.toml`, 'containerd sends it as it is'),
        ]
      }
      return failure.step === 'realm' || failure.names !== null ? externalUrl(probe) : publicProject(probe)
    case 'endpoint-redirect':
      return [
        {
          command: `curl -m 5 -sS -D - -o /dev/null ${shellWord(`${url}/`)} | grep -i '^location'`,
          why: 'shows whether it is the proxy before it that redirects',
        },
        {
          command: `${HELM} --set persistence.imageChartStorage.disableredirect=true`,
          why: 'has Harbor serve blobs itself; put the same into Git',
        },
      ]
    case 'endpoint-blob':
      return [
        {
          command: 'kubectl -n harbor logs -l component=registry -c registry --tail=50 | grep -iE "error|blob"',
          why: 'shows what its storage answers: the health page does not ask for a blob',
        },
        {
          command: 'kubectl -n harbor rollout restart deployment -l component=registry',
          why: 'has the registry connect to its storage anew; then restart the storage gateway',
        },
      ]
  }
}

const HELM = 'helm -n harbor upgrade harbor harbor/harbor --reuse-values'
const HARBOR_PODS: Remedy = {
  command: 'kubectl get pods -A -l app=harbor -o wide',
  why: 'shows whether Harbor runs, and where',
}

function otherScheme(url: string, { talosMirror }: DeclaredRegistry, remedies: Remedies): Remedy[] {
  const scheme = url.startsWith('https:') ? 'http' : 'https'
  const origin = originOf(url)
  const right = origin.replace(/^https?/, scheme)
  const endpoint = talosMirror?.endpoints.find((it) => it.url.startsWith(origin))
  const why = `it speaks ${scheme}`
  return endpoint === undefined
    ? [
        editAt(talosMirror?.source ?? null, `declare ${right} as its endpoint`, why),
        ...remedies.applyTalos('applies it'),
      ]
    : [editAt(endpoint.source, `write ${right} for ${origin}`, why), ...remedies.applyTalos('applies it')]
}

function externalUrl({ url }: FailedProbe): Remedy[] {
  const origin = originOf(url)
  return [
    {
      command: `curl -m 5 -sS -D - -o /dev/null ${shellWord(`${url}/`)} | grep -i '^www-authenticate'`,
      why: 'shows the realm that it names; the node must be able to ask it',
    },
    {
      command: `${HELM} --set externalURL=${shellWord(origin)}`,
      why: 'has Harbor name what nodes ask; put the same into Git',
    },
  ]
}

function publicProject({ url, steps }: FailedProbe): Remedy[] {
  const image = steps.find((it) => it.step === 'manifest')?.words ?? ''
  const project = /manifest ([\w.-]+)\//.exec(image)?.[1] ?? 'library'
  const body = JSON.stringify({ metadata: { public: 'true' } })
  return [
    {
      command: `curl -u admin -X PUT -H 'Content-Type: application/json' -d ${shellWord(body)} ${originOf(url)}/api/v2.0/projects/${project}`,
      why: `makes the project ${project} public; else give Talos credentials in machine.registries.config`,
    },
  ]
}

function newLogin(url: string): Remedy {
  const host = originOf(url).replace(/^https?:\/\//, '')
  return {
    command: `docker login ${shellWord(host)}`,
    why: "shows whether they are taken; what it writes into config.json belongs where registryAuth.dockerConfigFile is read. A robot account's secret may have expired",
  }
}

function originOf(url: string): string {
  return /^https?:\/\/[^/?#]+/.exec(url)?.[0] ?? url
}

/** With the port that the scheme stands for. */
function hostPort(url: string): string {
  const host = originOf(url).replace(/^https?:\/\//, '')
  return /:\d+$/.test(host) ? host : `${host}:${url.startsWith('http:') ? 80 : 443}`
}
