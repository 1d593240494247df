/** Every bound on what a peer may send, with its reason. */

/** The version of the protocol: both sides must speak the same. */
export const PROTOCOL_VERSION = 1

/** Bytes of a frame before the peer has proven that it knows a folder's key: a channel opening is under 300. */
export const UNPROVEN_FRAME_BYTES = 64 * 1024
/**
 * Bytes of any frame: the largest message is an answer with nodes. It bounds what one connection makes this side allocate, which
 * secret-stream does as soon as a frame is announced, and for up to 16 MiB.
 */
export const FRAME_BYTES = 1024 * 1024 + 64 * 1024
/** Channels that a peer may ask for in vain before it has proven anything: one who was found asks for what is here. */
export const UNPROVEN_REJECTIONS = 64
/** Channels that a peer may open on one connection over its life: each leaves eight bytes behind, and no pair shares as many folders. */
export const CHANNEL_OPENS_MAX = 16_384
/** Kinds of messages on a folder's channel, numbered from 0. */
export const MESSAGE_KINDS = 19
/** Milliseconds that a last word has to leave before the connection is torn down. */
export const FAREWELL_MS = 1000
/** Milliseconds for greeting and Noise handshake together. */
export const HANDSHAKE_DEADLINE_MS = 15_000

/** Bytes of a device's name. */
export const NAME_BYTES = 64
/** Bytes of a signed head: about 350 are used. */
export const HEAD_BYTES = 1024
/** Heads that a reader passes on in one message: each costs its receiver two checks of a signature, some 0.2 ms. */
export const RELAYED_HEADS = 100
/** Nodes asked for in one request: what a diff asks for at a time. */
export const NODES_PER_REQUEST = 256
/** Node requests of one peer that wait for an answer. */
export const NODE_REQUESTS_OPEN = 64
/** Bytes of one node: the most that a node of either tree has. */
export const NODE_BYTES = 256 * 1024
/** Bytes of nodes in one answer; the rest of what was asked for follows in further answers. */
export const NODES_ANSWER_BYTES = 1024 * 1024
/** Bytes of a chunk: the most that chunking makes. */
export const CHUNK_BYTES = 512 * 1024
/** Chunks asked for in one request, which come to CHUNK_BYTES at most. */
export const CHUNKS_PER_REQUEST = 64
/** Chunks that one peer has asked for and that wait for an answer. */
export const CHUNKS_OPEN = 1024
/** Bytes of chunks that are read and not yet sent, for one peer. */
export const SERVE_BYTES = 4 * 1024 * 1024
/** Chunk ranges in one announcement. */
export const HAVE_RANGES = 4096
/** Bytes of the sentence with which a channel is closed. */
export const REASON_BYTES = 512
/** Addresses at which a device says that it can be reached, and the bytes of one. */
export const ADDRESSES_MAX = 16
export const ADDRESS_BYTES = 64
/** Milliseconds in which a peer that owes answers gives one, or at least PROGRESS_BYTES of anything: else it is taken for hung. */
export const ANSWER_DEADLINE_MS = 60_000
/** Bytes that tell a slow line from a peer that only says that it is there: keeping alive takes 240 in that time. */
export const PROGRESS_BYTES = 16 * 1024
/** The slowest line for which a request waits until its turn comes: it has ANSWER_DEADLINE_MS, and the time for all that was asked before. */
export const SLOWEST_BYTES_PER_SECOND = 8 * 1024
/** Either side speaks at least this often, and takes a line for dead on which nothing came for some of these. */
export const KEEP_ALIVE_MS = 2500
export const SILENCE_MAX_MS = 25_000
/** Requests of one peer for what is kept of the past that wait for an answer. */
export const PAST_REQUESTS_OPEN = 8
/** Snapshots in one answer: several times as many as the rule keeps. */
export const SNAPSHOTS_TOLD = 1000
/** Kept versions of one path in one answer: with the longest targets of symlinks they still fit into a frame. */
export const REVISIONS_TOLD = 200
/** Challenges of one peer that wait for their proof: each has some MiB of a file read. */
export const HOLD_REQUESTS_OPEN = 32
/** Items of which a device says why it does not have them, and the bytes of such a reason. */
export const OBSTACLES_TOLD = 64
export const OBSTACLE_BYTES = 32
/** Nodes and whole small files that are sent along with a head, and the bytes of all of them: they are kept until the next. */
export const NEWS_NODES = 16
export const NEWS_FILES = 4
export const NEWS_BYTES = 64 * 1024
