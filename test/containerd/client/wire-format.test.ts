import assert from 'node:assert/strict'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import t from 'tap'
import * as native from '../../../src/containerd/client/containerd-messages.ts'
import * as cri from '../../../src/containerd/client/cri-messages.ts'
import * as methods from '../../../src/containerd/client/methods.ts'
import type { Field, Message } from '../../../src/containerd/client/wire-format.ts'
import { loadProtoFiles, messagesOf, servicesOf } from './proto-files.ts'

const root = loadProtoFiles()
const LOSSLESS = { longs: String, bytes: String, defaults: true }
const TIMESTAMP = 'google.protobuf.Timestamp'

/** Every table, those that stand only within others too. */
const tables = new Map<string, Message<object>>()
for (const it of [...Object.values(native), ...Object.values(cri)]) collect(it as Message<object>)

function collect(table: Message<object>): void {
  tables.set(table.name, table)
  for (const { message } of table.fields.values()) if (message !== null) collect(message)
}

t.test('each message of the .proto files has its table, and the other way round', async (t) => {
  const declared = messagesOf(root).map((it) => it.fullName.slice(1))
  const own = [...tables.keys()].filter((it) => !it.startsWith('google.'))
  t.ok(declared.length > 40, `${declared.length} messages`)
  t.strictSame(declared.toSorted(), own.toSorted())
})

t.test('each table says what its .proto file says', async (t) => {
  for (const [name, table] of tables) {
    const type = root.lookupType(name)
    const declared = type.fieldsArray.map((field) => [
      protobuf.util.camelCase(field.name),
      field.id,
      declaredType(field),
    ])
    const own = [...table.fields].map(([field, { number, declared }]) => [field, number, declared])
    t.strictSame(own, declared, name)
  }
})

function declaredType(field: protobuf.Field): string {
  if (field.map) return 'map<string, string>'
  const type = field.resolvedType
  const name = type === null ? field.type : type instanceof protobuf.Enum ? 'enum' : type.fullName.slice(1)
  return field.repeated ? `repeated ${name}` : name
}

t.test('each call goes where a service of the .proto files says, with its messages', async (t) => {
  const declared = servicesOf(root).flatMap((service) =>
    service.methodsArray.map((method) => {
      const [request, answer] = [method.resolvedRequestType, method.resolvedResponseType]
      return `${service.fullName.slice(1)}/${method.name} ${request?.fullName.slice(1)} ${answer?.fullName.slice(1)}`
    }),
  )
  const own = Object.values(methods).map((it) => `${it.path} ${it.request.name} ${it.answer.name}`)
  t.ok(own.length > 15, `${own.length} calls`)
  t.strictSame(own.toSorted(), declared.toSorted())
})

/** Random values for a table, as the tables' users see them. */
function valuesOf(table: Message<object>): fc.Arbitrary<object> {
  return fc.record(Object.fromEntries([...table.fields].map(([name, field]) => [name, fieldValueOf(field)])))
}

function fieldValueOf({ declared, message }: Field<unknown>): fc.Arbitrary<unknown> {
  if (message !== null) {
    const inner = valuesOf(message)
    return declared.startsWith('repeated') ? fc.array(inner, { maxLength: 3 }) : fc.option(inner)
  }
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  switch (declared) {
    case 'string':
      return text
    case 'repeated string':
      return fc.array(text, { maxLength: 3 })
    case 'map<string, string>':
      return fc.array(fc.tuple(text, text), { maxLength: 3 }).map((it) => new Map(it))
    case 'bool':
      return fc.boolean()
    case 'enum':
      return fc.nat({ max: 3 })
    case 'bytes':
      return fc.uint8Array({ maxLength: 20 })
    case 'int32':
      return fc.integer()
    case 'int64':
      return fc.maxSafeInteger()
    case 'uint64':
      return fc.maxSafeNat()
    case TIMESTAMP:
      return fc.option(fc.integer({ min: Date.UTC(1971), max: Date.UTC(2200) }))
    default:
      throw new Error(`no values for ${declared}`)
  }
}

/** The same value as protobufjs takes and gives it. */
function asProtobuf(table: Message<object>, value: object): Record<string, unknown> {
  const { fieldsById } = root.lookupType(table.name)
  const pairs = [...table.fields].map(([name, field]) => [
    fieldsById[field.number]?.name,
    fieldAsProtobuf(field, Reflect.get(value, name)),
  ])
  return Object.fromEntries(pairs.filter(([, it]) => it !== undefined))
}

function fieldAsProtobuf({ declared, message }: Field<unknown>, value: unknown): unknown {
  if (value === null) return undefined
  if (message !== null) {
    return Array.isArray(value) ? value.map((it) => asProtobuf(message, it)) : asProtobuf(message, value as object)
  }
  if (value instanceof Map) return Object.fromEntries(value)
  if (declared !== TIMESTAMP) return value
  const seconds = Math.floor((value as number) / 1000)
  return { seconds, nanos: ((value as number) - seconds * 1000) * 1e6 }
}

t.test('protobufjs reads what the tables write, and the tables what protobufjs writes', async (t) => {
  for (const [name, table] of tables) {
    const type = root.lookupType(name)
    const isFiltered = table === (cri.StatusResponse as Message<object>)
    const property = fc.property(valuesOf(table), (value) => {
      const own = table.encode(value)
      const theirs = type.encode(type.fromObject(asProtobuf(table, value))).finish()
      assert.deepEqual(type.toObject(type.decode(own), LOSSLESS), type.toObject(type.decode(theirs), LOSSLESS))
      if (!isFiltered) assert.deepEqual(table.encode(table.decode(theirs)), own)
    })
    t.doesNotThrow(() => fc.assert(property, { numRuns: 20 }), name)
  }
})

t.test('what a newer daemon adds is passed over', async (t) => {
  const newer = new protobuf.Type('Newer')
    .add(new protobuf.Field('version', 1, 'string'))
    .add(new protobuf.Field('extra', 77, 'string'))
    .add(new protobuf.Field('number', 78, 'fixed64'))
  new protobuf.Root().add(newer)
  const bytes = newer.encode({ version: '2.9.0', extra: 'new', number: 1 }).finish()
  t.strictSame(native.VersionResponse.decode(bytes), { version: '2.9.0', revision: '' })
})

t.test('no bytes at all are read as something that they are not: a message, or an error', async (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    for (const table of tables.values()) {
      try {
        table.decode(bytes)
      } catch (error) {
        assert.ok(error instanceof Error)
      }
    }
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})

t.test('what is cut off or of another type is no message', async (t) => {
  const bytes = cri.ListImagesResponse.encode({
    images: [{ id: 'sha256:1', repoTags: ['a:b'], repoDigests: [], size: 1, pinned: true }],
  })
  for (let length = 1; length < bytes.length; length++) {
    t.throws(() => cri.ListImagesResponse.decode(bytes.subarray(0, length)), `${length} of ${bytes.length} bytes`)
  }
  t.throws(() => native.VersionResponse.decode(Buffer.from([0x08, 0x01])), TypeError, 'a number for a string')
})

t.test('of the information in CRI Status only the configuration is decoded', async (t) => {
  const info = new Map([
    ['config', '{}'],
    ['golang', '"go1.27"'],
  ])
  const { info: read } = cri.StatusResponse.decode(cri.StatusResponse.encode({ info }))
  t.strictSame([...read], [['config', '{}']])
})
