import type { Progress } from '../folder/status.js'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** A number of bytes in decimal units with three figures: `999 B`, `1.23 MB`, `212 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`
}

/** A count with thousands set apart: `48,211`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 file`, `48,211 files`. */
export function formatNumberOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** A time to wait: `9 s`, `4:07`, `3:04:07`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  const tail = `${hours > 0 ? pad(minutes) : minutes}:${pad(seconds % 60)}`
  return hours > 0 ? `${hours}:${tail}` : tail
}

/** What is left of a transfer, for people: `12/40 files, 1.2/3.4 GB, 84 MB/s, ETA 0:16`. */
export function formatProgress(progress: Progress): string {
  const { filesDone, filesTotal, bytesDone, bytesTotal, bytesPerSecond, etaMs } = progress
  return [
    `${formatCount(filesDone)}/${formatNumberOf(filesTotal, 'file')}`,
    `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`,
    `${formatBytes(bytesPerSecond)}/s`,
    ...(etaMs === undefined ? [] : [`ETA ${formatDuration(etaMs)}`])
  ].join(', ')
}

/** Rows as columns that line up, two spaces apart, without spaces at the ends of lines. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  )
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
