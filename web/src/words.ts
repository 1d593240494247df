import type { FolderDocument, Peer } from './api/documents.js'
import { count, duration } from './format.js'

/** How a folder is doing, in a word and a colour's name; the word says it all, the colour only helps. */
export function stateOf(folder: FolderDocument): {
  readonly word: string
  readonly tone: 'good' | 'busy' | 'idle' | 'bad'
} {
  if (folder.paused === true) return { word: 'Paused', tone: 'idle' }
  switch (folder.state) {
    case 'starting':
      return { word: 'Starting', tone: 'busy' }
    case 'scanning':
      return { word: 'Looking through files', tone: 'busy' }
    case 'syncing':
      return { word: 'Syncing', tone: 'busy' }
    case 'in-sync':
      return { word: 'In sync', tone: 'good' }
    case 'ahead':
      return { word: 'Others are catching up', tone: 'busy' }
    case 'held':
      return { word: 'Deletes held', tone: 'bad' }
    case 'alone':
      return { word: 'No other device connected', tone: 'idle' }
    case 'stopped':
      return { word: 'Stopped', tone: 'bad' }
  }
}

/** What is left to do, as a sentence; nothing where nothing is. */
export function progressOf({ progress }: FolderDocument): string | undefined {
  const { filesDone, filesTotal, etaMs } = progress
  if (filesTotal === 0 || filesDone >= filesTotal) return undefined
  const left = etaMs === undefined ? '' : `, ${duration(etaMs / 1000)} left`
  return `${filesDone.toLocaleString()} of ${count(filesTotal, 'file')}${left}`
}

/** How a device is reached. */
export function roadOf({ route }: Peer): string {
  switch (route) {
    case 'lan':
      return 'local network'
    case 'direct':
      return 'direct'
    case 'relay':
      return 'through a relay'
    case 'stream':
      return 'a stream'
  }
}
