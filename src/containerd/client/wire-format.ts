/**
 * Messages on the wire, by tables: what protobufjs' reader and writer need beside them. The tables say what the
 * `.proto` files beside this folder's code say, field by field; a test holds the two together.
 */
import protobuf from 'protobufjs/minimal.js'

type Reader = protobuf.Reader
type Writer = protobuf.Writer

const VARINT = 0
const LENGTH_DELIMITED = 2

/** How one field is read and written. */
export interface Field<T> {
  readonly number: number
  /** As the `.proto` file declares it, for the comparison with that: `string`, `repeated Image`, `map`. */
  readonly declared: string
  readonly message: Message<object> | null
  readonly wireType: number
  initial(): T
  /** `before`: what was read of this field so far. */
  read(reader: Reader, before: T): T
  write(writer: Writer, value: T): void
}

type Fields = Record<string, Field<never> | Field<unknown>>
type FieldValue<F> = F extends Field<infer T> ? T : never

/** What a message of this table holds. A field that was not sent has its default, as in proto3. */
export type Value<M> = M extends Message<infer T> ? T : never

/** A message by its table. `name` is the full one. */
export class Message<T extends object> {
  readonly name: string
  readonly fields: ReadonlyMap<string, Field<unknown>>
  readonly #byNumber: ReadonlyMap<number, readonly [string, Field<unknown>]>

  constructor(name: string, fields: Fields) {
    this.name = name
    const entries = Object.entries(fields) as [string, Field<unknown>][]
    this.fields = new Map(entries)
    this.#byNumber = new Map(entries.map((entry) => [entry[1].number, entry]))
  }

  encode(value: Partial<T>): Uint8Array {
    const writer = protobuf.Writer.create()
    this.write(writer, value)
    return writer.finish()
  }

  /** Unknown fields are passed over. Throws RangeError and TypeError for what is no message of this type. */
  decode(bytes: Uint8Array): T {
    return this.read(protobuf.Reader.create(bytes), bytes.length)
  }

  write(writer: Writer, value: Partial<T>): void {
    for (const [name, field] of this.fields) {
      const given: unknown = Reflect.get(value, name)
      if (given !== undefined) field.write(writer, given)
    }
  }

  read(reader: Reader, end: number): T {
    const values: Record<string, unknown> = {}
    for (const [name, field] of this.fields) values[name] = field.initial()
    while (reader.pos < end) {
      const tag = reader.uint32()
      const known = this.#byNumber.get(tag >>> 3)
      if (known === undefined) {
        reader.skipType(tag & 7)
        continue
      }
      const [name, field] = known
      if ((tag & 7) !== field.wireType) throw new TypeError(`${this.name}: ${name} has wire type ${tag & 7}`)
      values[name] = field.read(reader, values[name])
    }
    if (reader.pos !== end) throw new RangeError(`${this.name}: a field is longer than its message`)
    return values as T
  }
}

/** Declares a message; its value's type follows from the table. */
export function message<F extends Fields>(name: string, fields: F): Message<{ [K in keyof F]: FieldValue<F[K]> }> {
  return new Message(name, fields)
}

export function string(number: number): Field<string> {
  return delimited<string>(number, 'string', {
    initial: () => '',
    read: readText,
    write: (writer, value) => writer.string(value),
    isDefault: (value) => value === '',
  })
}

export function bytes(number: number): Field<Uint8Array> {
  return delimited<Uint8Array>(number, 'bytes', {
    initial: () => new Uint8Array(),
    read: readBytes,
    write: (writer, value) => writer.bytes(value),
    isDefault: (value) => value.length === 0,
  })
}

export function bool(number: number): Field<boolean> {
  return varint(number, 'bool', {
    initial: false,
    read: (reader) => reader.bool(),
    write: (writer, value) => writer.bool(value),
  })
}

export function int32(number: number): Field<number> {
  return varint(number, 'int32', {
    initial: 0,
    read: (reader) => reader.int32(),
    write: (writer, value) => writer.int32(value),
  })
}

/** An enum, by its number. */
export function enumeration(number: number): Field<number> {
  return { ...int32(number), declared: 'enum' }
}

/** Sizes and process ids: above 2^53 they lose digits. */
export function int64(number: number): Field<number> {
  return varint(number, 'int64', {
    initial: 0,
    read: (reader) => Number(reader.int64()),
    write: (writer, value) => writer.int64(value),
  })
}

/** See `int64`. */
export function uint64(number: number): Field<number> {
  return varint(number, 'uint64', {
    initial: 0,
    read: (reader) => Number(reader.uint64()),
    write: (writer, value) => writer.uint64(value),
  })
}

/** A message within; null where it was not sent. */
export function nested<T extends object>(number: number, type: Message<T>): Field<T | null> {
  return {
    number,
    declared: type.name,
    message: type as Message<object>,
    wireType: LENGTH_DELIMITED,
    initial: () => null,
    read: (reader) => readNested(reader, type),
    write: (writer, value) => {
      if (value !== null) writeNested(writer, number, (inner) => type.write(inner, value))
    },
  }
}

export function repeatedStrings(number: number): Field<readonly string[]> {
  return {
    number,
    declared: 'repeated string',
    message: null,
    wireType: LENGTH_DELIMITED,
    initial: () => [],
    read: (reader, before) => {
      const list = before as string[]
      list.push(readText(reader))
      return list
    },
    write: (writer, values) => {
      for (const value of values) writer.uint32(tagOf(number, LENGTH_DELIMITED)).string(value)
    },
  }
}

export function repeated<T extends object>(number: number, type: Message<T>): Field<readonly T[]> {
  return {
    number,
    declared: `repeated ${type.name}`,
    message: type as Message<object>,
    wireType: LENGTH_DELIMITED,
    initial: () => [],
    read: (reader, before) => {
      const list = before as T[]
      list.push(readNested(reader, type))
      return list
    },
    write: (writer, values) => {
      for (const value of values) writeNested(writer, number, (inner) => type.write(inner, value))
    },
  }
}

/** A `map<string, string>`. `wanted`: the only keys that are kept; what stands under others is not even decoded. */
export function stringMap(number: number, wanted?: readonly string[]): Field<ReadonlyMap<string, string>> {
  return {
    number,
    declared: 'map<string, string>',
    message: null,
    wireType: LENGTH_DELIMITED,
    initial: () => new Map(),
    read: (reader, before) => {
      const entry = readNested(reader, MAP_ENTRY)
      const isWanted = wanted === undefined || wanted.includes(entry.key)
      if (isWanted) (before as Map<string, string>).set(entry.key, Buffer.from(entry.value).toString())
      return before
    },
    write: (writer, values) => {
      for (const [key, value] of values) {
        writeNested(writer, number, (inner) => MAP_ENTRY.write(inner, { key, value: Buffer.from(value) }))
      }
    },
  }
}

/** A `google.protobuf.Timestamp` as milliseconds since the epoch; null where it was not sent. */
export function timestamp(number: number): Field<number | null> {
  return {
    number,
    declared: TIMESTAMP.name,
    message: null,
    wireType: LENGTH_DELIMITED,
    initial: () => null,
    read: (reader) => {
      const { seconds, nanos } = readNested(reader, TIMESTAMP)
      return seconds * 1000 + nanos / 1e6
    },
    write: (writer, value) => {
      if (value === null) return
      const seconds = Math.floor(value / 1000)
      writeNested(writer, number, (inner) => {
        TIMESTAMP.write(inner, { seconds, nanos: Math.round((value - seconds * 1000) * 1e6) })
      })
    },
  }
}

function delimited<T>(
  number: number,
  declared: string,
  type: {
    initial(): T
    read(reader: Reader): T
    write(writer: Writer, value: T): void
    isDefault(value: T): boolean
  },
): Field<T> {
  return {
    number,
    declared,
    message: null,
    wireType: LENGTH_DELIMITED,
    initial: type.initial,
    read: type.read,
    write: (writer, value) => {
      if (!type.isDefault(value)) type.write(writer.uint32(tagOf(number, LENGTH_DELIMITED)), value)
    },
  }
}

function varint<T>(
  number: number,
  declared: string,
  type: { initial: T; read(reader: Reader): T; write(writer: Writer, value: T): void },
): Field<T> {
  return {
    number,
    declared,
    message: null,
    wireType: VARINT,
    initial: () => type.initial,
    read: type.read,
    write: (writer, value) => {
      if (value !== type.initial) type.write(writer.uint32(tagOf(number, VARINT)), value)
    },
  }
}

function tagOf(number: number, wireType: number): number {
  return (number << 3) | wireType
}

function readNested<T extends object>(reader: Reader, type: Message<T>): T {
  const length = readLength(reader)
  return type.read(reader, reader.pos + length)
}

function readText(reader: Reader): string {
  const { buffer, byteOffset, length } = readBytes(reader)
  return Buffer.from(buffer, byteOffset, length).toString()
}

function readBytes(reader: Reader): Uint8Array {
  const length = readLength(reader)
  const start = reader.pos
  reader.pos += length
  return reader.buf.subarray(start, reader.pos)
}

/** protobufjs' own reading of texts takes what is there where less is there than was announced. */
function readLength(reader: Reader): number {
  const length = reader.uint32()
  if (reader.pos + length > reader.len) throw new RangeError('a field is cut off')
  return length
}

function writeNested(writer: Writer, number: number, write: (inner: Writer) => void): void {
  write(writer.uint32(tagOf(number, LENGTH_DELIMITED)).fork())
  writer.ldelim()
}

/** The value stays bytes until it is known to be wanted. */
const MAP_ENTRY = message('map entry', { key: string(1), value: bytes(2) })

const TIMESTAMP = message('google.protobuf.Timestamp', { seconds: int64(1), nanos: int32(2) })
