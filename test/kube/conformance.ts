import type { Test } from 'tap'
import type { Json } from './api-object.ts'
import { type ApiUnderTest, ConformanceClient } from './conformance-client.ts'

const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'

/**
 * What Pullpath and its tests rest on. The doubled API server and a real one answer all of it alike.
 * Makes objects with a name of its own in the namespace `default`, and removes them.
 */
export async function conformance(t: Test, api: ApiUnderTest): Promise<void> {
  const client = new ConformanceClient(api)
  const run = `pullpath-${process.pid}`
  const maps = '/api/v1/namespaces/default/configmaps'
  const nodes = '/api/v1/nodes'
  const events = '/api/v1/namespaces/default/events'
  const newEvents = '/apis/events.k8s.io/v1/namespaces/default/events'
  const labelled = `labelSelector=run%3D${run}`
  const map = (name: string, more: Json = {}) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${run}-${name}`, labels: { run, name }, ...more },
    data: { key: name },
  })
  const metadataOf = (object: Json) => object.metadata as Json & { name: string; resourceVersion: string }
  const itemsOf = (list: Json) => list.items as Json[]
  const namesOf = (list: Json) => itemsOf(list).map((it) => metadataOf(it).name)
  const post = (path: string, body: unknown) => client.send('POST', path, body)
  const get = (path: string) => client.send('GET', path)

  t.teardown(async () => {
    for (const path of [maps, nodes, events]) {
      for (const name of namesOf((await get(`${path}?${labelled}`)).body))
        await client.send('DELETE', `${path}/${name}`)
    }
  })

  await t.test('what is created has a UID and a resource version, and is there once', async (t) => {
    const created = await post(maps, map('a'))
    t.match(created, {
      status: 201,
      body: { metadata: { uid: String, resourceVersion: /^\d+$/, namespace: 'default' } },
    })
    t.match(await post(maps, map('a')), {
      status: 409,
      body: {
        kind: 'Status',
        status: 'Failure',
        reason: 'AlreadyExists',
        message: `configmaps "${run}-a" already exists`,
      },
    })
    const generated = await post(maps, map('x', { name: undefined, generateName: `${run}-` }))
    t.match(metadataOf(generated.body).name, new RegExp(`^${run}-[a-z0-9]{5}$`))
    await client.send('DELETE', `${maps}/${metadataOf(generated.body).name}`)
  })

  await t.test('what is not there', async (t) => {
    t.match(await get(`${maps}/${run}-none`), {
      status: 404,
      body: { reason: 'NotFound', message: `configmaps "${run}-none" not found`, details: { kind: 'configmaps' } },
    })
    const page = await get('/apis/nobody.example/v1/things')
    t.match(page, { status: 404, type: /^text\/plain/, body: { text: '404 page not found\n' } })
    t.equal((await new ConformanceClient({ ...api, token: 'nobody' }).send('GET', maps)).status, 401)
  })

  await t.test('a list says what it is, and its items of a built-in kind do not', async (t) => {
    await post(maps, map('b'))
    const { body } = await get(`${maps}?${labelled}`)
    t.match(body, { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: /^\d+$/ } })
    t.strictSame(namesOf(body), [`${run}-a`, `${run}-b`])
    t.notOk('kind' in (itemsOf(body)[0] ?? {}))
    const fromCache = await get(`${maps}?${labelled}&resourceVersion=0&limit=1`)
    t.ok(namesOf(fromCache.body).length <= 2)
  })

  await t.test('selectors', async (t) => {
    for (const [selector, names] of [
      [`fieldSelector=metadata.name%3D${run}-a`, ['a']],
      [`fieldSelector=metadata.name!%3D${run}-a&${labelled}`, ['b']],
      [`labelSelector=run%3D${run},name!%3Da`, ['b']],
      [`labelSelector=run%3D%3D${run},name+in+(a,c)`, ['a']],
      [`labelSelector=run%3D${run},name+notin+(a)`, ['b']],
      [`labelSelector=run%3D${run},other`, []],
      [`labelSelector=run%3D${run},!other`, ['a', 'b']],
    ] as const) {
      const found = namesOf((await get(`${maps}?${selector}`)).body)
      t.strictSame(
        found,
        names.map((it) => `${run}-${it}`),
        selector,
      )
    }
    const refused = await get(`${maps}?fieldSelector=spec.nodeName%3Dx`)
    t.match(refused, {
      status: 400,
      body: {
        reason: 'BadRequest',
        message: '"spec.nodeName" is not a known field selector: only "metadata.name", "metadata.namespace"',
      },
    })
  })

  await t.test('a list of the newest comes in pages', async (t) => {
    const first = await get(`${maps}?${labelled}&limit=1`)
    const token = metadataOf(first.body).continue as string
    t.ok(token)
    const second = await get(`${maps}?${labelled}&limit=1&continue=${encodeURIComponent(token)}`)
    t.strictSame([...namesOf(first.body), ...namesOf(second.body)], [`${run}-a`, `${run}-b`])
    t.notOk(metadataOf(second.body).continue)
  })

  await t.test('a change names the version that it is of, or is refused', async (t) => {
    const before = (await get(`${maps}/${run}-a`)).body
    const change = { ...before, data: { key: 'changed' } }
    const after = await client.send('PUT', `${maps}/${run}-a`, change)
    t.equal(after.status, 200)
    t.not(metadataOf(after.body).resourceVersion, metadataOf(before).resourceVersion)
    t.match(await client.send('PUT', `${maps}/${run}-a`, { ...change, data: {} }), {
      status: 409,
      body: { reason: 'Conflict', message: /^Operation cannot be fulfilled on configmaps .* has been modified/ },
    })
    const same = await client.send('PATCH', `${maps}/${run}-a`, { data: { key: 'changed' } }, MERGE)
    t.equal(metadataOf(same.body).resourceVersion, metadataOf(after.body).resourceVersion, 'nothing changed')
  })

  await t.test('patches', async (t) => {
    for (const [type, patch, data] of [
      [MERGE, { data: { other: 'x' } }, { key: 'changed', other: 'x' }],
      [MERGE, { data: { other: null } }, { key: 'changed' }],
      [JSON_PATCH, [{ op: 'replace', path: '/data/key', value: 'y' }], { key: 'y' }],
    ] as const) {
      const { body } = await client.send('PATCH', `${maps}/${run}-a`, patch, type)
      t.strictSame(body.data, data)
    }
    const label = [{ op: 'add', path: '/metadata/labels/pullpath.dev~1test', value: 'y' }]
    const { body } = await client.send('PATCH', `${maps}/${run}-a`, label, JSON_PATCH)
    t.match(metadataOf(body).labels, { 'pullpath.dev/test': 'y' })
    const absent = [{ op: 'remove', path: '/data/none' }]
    t.equal((await client.send('PATCH', `${maps}/${run}-a`, absent, JSON_PATCH)).status, 422)
    t.equal((await client.send('PATCH', `${maps}/${run}-a`, {}, 'application/json')).status, 415)
  })

  await t.test('conditions merge by their type, through the status alone', async (t) => {
    const name = `${run}-node`
    await post(nodes, { metadata: { name, labels: { run } } })
    const condition = (type: string, status: string) => ({ type, status, reason: 'Test', message: '' })
    const patch = (path: string, status: Json) => client.send('PATCH', path, { status }, STRATEGIC)
    await patch(`${nodes}/${name}/status`, { conditions: [condition('Ready', 'True')] })
    await patch(`${nodes}/${name}/status`, { conditions: [condition('Drifted', 'True')] })
    await patch(`${nodes}/${name}`, { conditions: [condition('Drifted', 'False')] })
    const { body } = await get(`${nodes}/${name}`)
    const conditions = (body.status as { conditions: { type: string; status: string }[] }).conditions
    t.strictSame(conditions.map((it) => `${it.type} ${it.status}`).sort(), ['Drifted True', 'Ready True'])
  })

  await t.test('an Event is one in both groups', async (t) => {
    const name = `${run}-event`
    const involvedObject = { apiVersion: 'v1', kind: 'Node', name: `${run}-node` }
    const event = {
      metadata: { name, labels: { run } },
      involvedObject,
      reason: 'Test',
      message: 'why',
      type: 'Normal',
    }
    t.equal((await post(events, { ...event, reportingComponent: 'pullpath' })).status, 201)
    t.match((await get(`${newEvents}/${name}`)).body, {
      apiVersion: 'events.k8s.io/v1',
      regarding: { name: `${run}-node` },
      note: 'why',
      reportingController: 'pullpath',
    })
    const selector = `involvedObject.kind=Node,involvedObject.name=${run}-node,reason=Test,type=Normal`
    t.strictSame(namesOf((await get(`${events}?fieldSelector=${encodeURIComponent(selector)}`)).body), [name])
    const byNew = encodeURIComponent(`regarding.name=${run}-node,reportingController=pullpath`)
    t.strictSame(namesOf((await get(`${newEvents}?fieldSelector=${byNew}`)).body), [name])
    const elsewhere = { ...event, involvedObject: { ...involvedObject, namespace: 'kube-system' } }
    t.equal((await post(events, elsewhere)).status, 422, 'its namespace is that of its object')
    t.equal((await post(newEvents, { metadata: { name: `${name}-2` }, note: 'no time' })).status, 422)
    const whole = {
      metadata: { name: `${name}-3`, labels: { run } },
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: involvedObject,
      reason: 'Test',
      note: 'why',
      type: 'Warning',
      action: 'Testing',
      reportingController: 'pullpath',
      reportingInstance: 'pullpath-x',
    }
    t.match(await post(newEvents, whole), { status: 201, body: { apiVersion: 'events.k8s.io/v1', note: 'why' } })
    const change = (patch: Json) => client.send('PATCH', `${newEvents}/${name}-3`, patch, MERGE)
    const series = { count: 2, lastObservedTime: '2026-01-01T00:10:00.000000Z' }
    t.match(await change({ series }), { status: 200, body: { series: { count: 2 } } })
    t.match(await change({ note: 'other' }), { status: 422, body: { message: /message: .*field is immutable/ } })
    t.equal((await post(newEvents, { ...whole, metadata: { name: `${name}-4` }, action: '' })).status, 422)
  })

  await t.test('a watch without a version begins with what is there', async (t) => {
    const seen = await client.watch(`${maps}?${labelled}&watch=true&timeoutSeconds=10`, 2)
    t.match(seen, [{ type: 'ADDED', object: { kind: 'ConfigMap', apiVersion: 'v1' } }, { type: 'ADDED' }])
  })

  await t.test('a watch goes on from the version of a list, and tells what leaves its selector', async (t) => {
    const from = metadataOf((await get(`${maps}?${labelled}`)).body).resourceVersion
    await post(maps, map('c'))
    await client.send('PATCH', `${maps}/${run}-c`, { data: { key: 'd' } }, MERGE)
    const seen = await client.watch(`${maps}?${labelled}&watch=true&resourceVersion=${from}&timeoutSeconds=10`, 3, () =>
      client.send('PATCH', `${maps}/${run}-c`, { metadata: { labels: { run: null } } }, MERGE),
    )
    t.strictSame(
      seen.map((it) => `${it.type} ${metadataOf(it.object as Json).name}`),
      ['ADDED', 'MODIFIED', 'DELETED'].map((it) => `${it} ${run}-c`),
    )
    const left = (await get(`${maps}/${run}-c`)).body
    t.equal(metadataOf(seen[2]?.object as Json).resourceVersion, metadataOf(left).resourceVersion)
    await client.send('DELETE', `${maps}/${run}-c`)
  })

  await t.test('a watch ends at its time, after a bookmark', async (t) => {
    const from = metadataOf((await get(`${maps}?${labelled}`)).body).resourceVersion
    const path = `${maps}?${labelled}&watch=true&allowWatchBookmarks=true&resourceVersion=${from}&timeoutSeconds=4`
    const seen = await client.watch(path, 100)
    t.ok(seen.length >= 1)
    t.match(seen.at(-1), { type: 'BOOKMARK', object: { kind: 'ConfigMap', metadata: { resourceVersion: /^\d+$/ } } })
  })

  await t.test('a match of versions needs a version', async (t) => {
    t.match(await get(`${maps}?resourceVersionMatch=Exact`), { status: 422, body: { message: /is forbidden unless/ } })
    t.equal((await get(`${maps}?resourceVersion=abc`)).status, 400)
  })
}
