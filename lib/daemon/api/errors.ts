import { BackerError, messageOf, type ErrorCode } from '../../core/error.js'
import { systemCode } from '../../home/private-file.js'
import { SCHEMA, type ErrorDocument } from '../document.js'

/** Whatever was thrown, as an error that a person can be told. */
export function toBackerError(error: unknown): BackerError {
  if (error instanceof BackerError) return error
  if (systemCode(error) === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new BackerError('LIMIT', 'the request is too large', { cause: error })
  if (isValidation(error)) return new BackerError('USAGE', messageOf(error), { cause: error })
  if (systemCode(error) !== undefined) return new BackerError('FILE_SYSTEM', messageOf(error), { cause: error })
  return new BackerError('INTERNAL', messageOf(error), {
    hint: 'This should not happen. BACKER_DEBUG=1 shows where it comes from.',
    cause: error
  })
}

/** What a refused request says. Source: RFC 9457. */
export interface ProblemDocument extends ErrorDocument {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
}

export function errorDocument(thrown: unknown): ErrorDocument {
  const { code, message, hint, path, peer } = toBackerError(thrown)
  return {
    schema: SCHEMA,
    name: code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(path === undefined ? {} : { path }),
    ...(peer === undefined ? {} : { peer })
  }
}

export function httpStatusOf(code: ErrorCode): number {
  if (code === 'NO_FOLDER' || code === 'NO_PATH' || code === 'NO_VERSION') return 404
  if (code === 'FORBIDDEN') return 403
  if (code === 'UNSUPPORTED') return 415
  if (code === 'INTERNAL') return 500
  if (code === 'LIMIT') return 413
  if (code === 'THROTTLED') return 429
  return code === 'MARKER' || code === 'NESTED' || code === 'LOCKED' || code === 'BUSY' ? 409 : 400
}

/** A request that fits no route's schema, or that is no request: fastify's own errors. */
function isValidation(error: unknown): boolean {
  return error instanceof Error && (systemCode(error)?.startsWith('FST_') === true || 'validation' in error)
}
