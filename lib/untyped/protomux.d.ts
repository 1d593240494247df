declare module 'protomux' {
  import type { Duplex } from 'node:stream'

  export interface Message {
    /** False where the stream wants a rest: see `ondrain`. */
    send(bytes: Uint8Array): boolean
  }
  export interface MessageOptions {
    readonly encoding: unknown
    readonly onmessage: (bytes: Uint8Array) => void
  }
  export interface Channel {
    readonly drained: boolean
    readonly closed: boolean
    open(handshake: Uint8Array): void
    close(): void
    cork(): void
    uncork(): void
    addMessage(options: MessageOptions): Message
  }
  export interface ChannelOptions {
    readonly protocol: string
    readonly id: Uint8Array
    readonly unique?: boolean
    readonly handshake: unknown
    readonly onopen: (handshake: Uint8Array) => void
    readonly onclose: (isRemote: boolean) => void
    readonly ondrain: () => void
  }
  export default class Protomux {
    constructor(stream: Duplex)
    static from(stream: Duplex): Protomux
    readonly stream: Duplex
    pair(name: { readonly protocol: string; readonly id: Uint8Array }, notify: () => void): void
    unpair(name: { readonly protocol: string; readonly id: Uint8Array }): void
    /** null where the stream is destroyed, or where a unique channel of this name is open. */
    createChannel(options: ChannelOptions): Channel | null
    destroy(error?: Error): void
    /** What ends the stream for whatever was thrown over a frame. */
    _safeDestroy(error: unknown): void
    /** What takes a frame apart, behind the number of its channel: wrapped to look at it first. */
    _decode(channel: number, state: { buffer: Uint8Array | null; start: number; end: number }): unknown
  }
}
