/// <reference path="./untyped/hypercore-crypto.d.ts" preserve="true" />
/// <reference path="./untyped/hyperswarm.d.ts" preserve="true" />
/// <reference path="./untyped/protomux.d.ts" preserve="true" />
/// <reference path="./untyped/secret-stream.d.ts" preserve="true" />
export { backer, Backer, type BackerOptions, type JoinOptions } from './backer.js'
export { BackerError, type ErrorCode } from './core/error.js'
export type { ProblemCode } from './disk/disk.js'
export type { Change, ConflictEvent, FolderEvents } from './folder/events.js'
export type { FolderState, FolderStatus, PeerStatus, Problem, Progress, Route } from './folder/status.js'
