const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']

/** A count of bytes for people, in powers of 1000: `1.5 MB`. */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString()} ${value === 1 ? one : many}`
}

/** A stretch of time for people: `about 3 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return 'a moment'
  if (seconds < 60) return `${Math.round(seconds).toFixed(0)} s`
  if (seconds < 3600) return `about ${Math.round(seconds / 60).toFixed(0)} min`
  if (seconds < 172_800) return `about ${Math.round(seconds / 3600).toFixed(0)} h`
  return `about ${Math.round(seconds / 86_400).toFixed(0)} days`
}

export function moment(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}

/**
 * A name from a file system or a peer, made inert: control characters and those that turn the direction of text round are shown as their code.
 * Source: Unicode Standard Annex #9 (bidirectional formatting characters).
 */
export function safeName(name: string): string {
  return name.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}
