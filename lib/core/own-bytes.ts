/*
 * Large buffers that are let go of as soon as nobody needs them, not when the garbage collector comes to it: V8 looks through the whole heap after every
 * few dozen MiB of them, which for a file of 1 GiB is a third of all the work. Letting go detaches: whoever still holds a view sees
 * no bytes at all, never those of somebody else.
 */

/** Smaller ones are not worth it; and Node's pool, in which many share one buffer, is smaller. */
const LEAST_BYTES = 16 * 1024

const owned = new WeakSet<ArrayBufferLike>()
const nowhere = openNowhere()

/** Notes that nobody but the holder of `bytes` uses the buffer that they fill, or begin somewhere in: `letGo` may end it. */
export function own<T extends Uint8Array>(bytes: T): T {
  if (bytes.buffer.byteLength >= LEAST_BYTES) owned.add(bytes.buffer)
  return bytes
}

/** As `own`, where `bytes` are all that is in their buffer; else nothing is noted. */
export function ownIfAlone<T extends Uint8Array>(bytes: T): T {
  return bytes.byteLength === bytes.buffer.byteLength ? own(bytes) : bytes
}

/** Frees the buffer of which `bytes` are a view, if it was noted with `own`: from here on it is empty for everybody. */
export function letGo(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (!(buffer instanceof ArrayBuffer) || !owned.delete(buffer)) return
  nowhere.postMessage(undefined, [buffer])
}

/** A port whose other end is closed: what is handed to it is gone. */
function openNowhere(): InstanceType<typeof MessagePort> {
  const { port1, port2 } = new MessageChannel()
  port2.close()
  return port1
}
