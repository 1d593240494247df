import { isBackerError, type ErrorCode } from '../../lib/core/error.js'

/** The code of the BackerError that `act` throws; undefined where it throws nothing. Any other error passes through. */
export function codeThrownBy(act: () => unknown): ErrorCode | undefined {
  try {
    act()
  } catch (error) {
    if (isBackerError(error)) return error.code
    throw error
  }
  return undefined
}

/** As `codeThrownBy`, for what rejects. */
export async function codeRejectedBy(act: () => Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await act()
  } catch (error) {
    if (isBackerError(error)) return error.code
    throw error
  }
  return undefined
}
