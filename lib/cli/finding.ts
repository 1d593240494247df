/** One thing that was looked at, and how it is. */
export interface Finding {
  readonly what: string
  readonly state: 'ok' | 'note' | 'bad'
  readonly message: string
  readonly hint?: string
}
