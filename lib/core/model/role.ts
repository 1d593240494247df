/**
 * What a device does in a folder, beside what its key lets it do.
 * - `mirror`: takes over what others change, and tells them what changes here.
 * - `append-only`: as `mirror`, but removes nothing because of others: what they delete stays here, what they replace is kept for good.
 * - `receive-only`: takes over what others change; what changes here stays here, and can be undone.
 * - `send-only`: tells others what changes here, and takes nothing over.
 */
export type Role = (typeof ROLES)[number]

export const ROLES = ['mirror', 'append-only', 'receive-only', 'send-only'] as const

export function isRole(text: unknown): text is Role {
  return ROLES.some(role => role === text)
}
