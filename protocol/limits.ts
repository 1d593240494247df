/** Every bound on what a peer may send, with its reason. */

/** The version of the protocol: both sides must speak the same. */
export const PROTOCOL_VERSION = 1

/** Bytes of a frame before the peer has proven that it knows a folder's key: a channel opening is under 300. */
export const UNPROVEN_FRAME_BYTES = 64 * 1024
/** Channels that a peer may open on one connection over its life: a pair of devices shares far fewer folders. */
export const CHANNEL_OPENS_MAX = 64
/** Kinds of messages on a folder's channel, numbered from 0. */
export const MESSAGE_KINDS = 10
/** Milliseconds that a last word has to leave before the connection is torn down. */
export const FAREWELL_MS = 1000
/** Milliseconds for greeting and Noise handshake together. */
export const HANDSHAKE_DEADLINE_MS = 15_000

/** Bytes of a device's name. */
export const NAME_BYTES = 64
/** Bytes of a signed head: about 350 are used. */
export const HEAD_BYTES = 1024
/** Heads that a reader passes on in one message. */
export const RELAYED_HEADS = 1000
/** Nodes asked for in one request: what a diff asks for at a time. */
export const NODES_PER_REQUEST = 256
/** Node requests of one peer that wait for an answer. */
export const NODE_REQUESTS_OPEN = 64
/** Bytes of one node: a tree node is cut at a fraction of this. */
export const NODE_BYTES = 4 * 1024 * 1024
/** Bytes of nodes in one answer; the rest of what was asked for follows in further answers. A single larger node has one of its own. */
export const NODES_ANSWER_BYTES = 1024 * 1024
/** Bytes of a chunk: the most that chunking makes. */
export const CHUNK_BYTES = 512 * 1024
/** Chunk requests of one peer that wait for an answer. */
export const CHUNK_REQUESTS_OPEN = 1024
/** Bytes of chunks that are read and not yet sent, for one peer. */
export const SERVE_BYTES = 4 * 1024 * 1024
/** Chunk ranges in one announcement. */
export const HAVE_RANGES = 4096
/** Bytes of the sentence with which a channel is closed. */
export const REASON_BYTES = 512
/** Milliseconds until an answer must have come. */
export const ANSWER_DEADLINE_MS = 60_000
