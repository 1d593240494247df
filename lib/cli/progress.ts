import type { SingleBar } from 'cli-progress'
import type { Progress } from '../folder/status.js'
import { formatProgress } from './format.js'

/** A bar at the bottom of the terminal. It makes room for whatever else is written, and comes back. */
export class ProgressBar {
  readonly #stream: NodeJS.WriteStream
  #make: ((stream: NodeJS.WriteStream) => SingleBar) | undefined
  #loading: Promise<void> | undefined
  #bar: SingleBar | undefined

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  show(progress: Progress): void {
    if (progress.filesTotal === 0 || (progress.filesDone >= progress.filesTotal && progress.etaMs === 0)) {
      this.hide()
      return
    }
    if (this.#make === undefined) {
      this.#loading ??= this.#load()
      return
    }
    const total = Math.max(1, progress.bytesTotal)
    if (this.#bar === undefined) {
      this.#bar = this.#make(this.#stream)
      this.#bar.start(total, 0, { text: '' })
    }
    this.#bar.setTotal(total)
    this.#bar.update(Math.min(progress.bytesDone, total), { text: formatProgress(progress) })
  }

  /** Clears the line. The next `show` draws it again. */
  hide(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }

  async #load(): Promise<void> {
    const { default: cliProgress } = await import('cli-progress')
    this.#make = stream =>
      new cliProgress.SingleBar({
        stream,
        format: '{bar} {percentage} %  {text}',
        barsize: 20,
        barCompleteChar: '#',
        barIncompleteChar: '-',
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
        fps: 5
      })
  }
}
