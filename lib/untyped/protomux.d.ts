declare module 'protomux' {
  import type { Duplex } from 'node:stream'

  interface State {
    buffer: Uint8Array | null
    start: number
    end: number
  }
  export interface Message<T> {
    /** False where the stream wants a rest: see `drained`. */
    send(value: T): boolean
  }
  /** What is sent is encoded right into the frame; what comes may be decoded to something else, such as its bytes. */
  export interface MessageOptions<T, U> {
    readonly encoding: {
      readonly preencode: (state: State, value: T) => void
      readonly encode: (state: State, value: T) => void
      readonly decode: (state: State) => U
    }
    readonly onmessage: (value: U) => void
  }
  export interface Channel {
    readonly closed: boolean
    open(handshake: Uint8Array): void
    close(): void
    addMessage<T, U>(options: MessageOptions<T, U>): Message<T>
  }
  export interface ChannelOptions {
    readonly protocol: string
    readonly id: Uint8Array
    readonly unique?: boolean
    readonly handshake: unknown
    readonly onopen: (handshake: Uint8Array) => void
    readonly onclose: (isRemote: boolean) => void
  }
  export default class Protomux {
    constructor(stream: Duplex)
    static from(stream: Duplex): Protomux
    readonly stream: Duplex
    /** False while the stream wants a rest, until it says `drain`. */
    readonly drained: boolean
    pair(name: { readonly protocol: string; readonly id: Uint8Array }, notify: () => void): void
    unpair(name: { readonly protocol: string; readonly id: Uint8Array }): void
    /** null where the stream is destroyed, or where a unique channel of this name is open. */
    createChannel(options: ChannelOptions): Channel | null
    destroy(error?: Error): void
    /** What ends the stream for whatever was thrown over a frame. */
    _safeDestroy(error: unknown): void
    /** The same, as what was thrown behind a promise finds it. */
    _safeDestroyBound(error: unknown): void
    /** Says no to a channel that the peer opened. */
    _rejectSession(info: unknown, channel: number): void
    /** What takes a frame apart, behind the number of its channel: wrapped to look at it first. */
    _decode(channel: number, state: State): unknown
  }
}
