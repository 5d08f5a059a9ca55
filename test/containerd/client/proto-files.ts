import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import protobuf from 'protobufjs'

const DIRECTORY = join(import.meta.dirname, '..', '..', '..', 'src', 'containerd', 'client', 'proto')

/** The project's `.proto` files, read by protobufjs' own parser: nothing of the client's tables is in it. */
export function loadProtoFiles(): protobuf.Root {
  const root = new protobuf.Root()
  // Google's own files come with protobufjs; the others stand beside each other.
  root.resolvePath = (_origin, target) => (target.startsWith('google/') ? target : join(DIRECTORY, target))
  return root.loadSync(readdirSync(DIRECTORY), { keepCase: false }).resolveAll() as protobuf.Root
}

/** All messages of a root, those within Google's packages left out. */
export function messagesOf(namespace: protobuf.NamespaceBase): protobuf.Type[] {
  return namespace.nestedArray.flatMap((it) => {
    if (it instanceof protobuf.Type) return [it]
    return it instanceof protobuf.Namespace && it.fullName !== '.google' ? messagesOf(it) : []
  })
}

export function servicesOf(namespace: protobuf.NamespaceBase): protobuf.Service[] {
  return namespace.nestedArray.flatMap((it) => {
    if (it instanceof protobuf.Service) return [it]
    return it instanceof protobuf.Namespace ? servicesOf(it) : []
  })
}
