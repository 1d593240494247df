import type { BackerError } from '../core/error.js'
import type { Progress } from '../folder/status.js'
import { exitCodeOf } from './exit.js'
import { printable, printableJson } from './printable.js'
import { ProgressBar } from './progress.js'

export interface PrinterOptions {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Documents instead of text. */
  readonly json: boolean
  /** Results and errors only. */
  readonly quiet: boolean
  readonly progress: boolean
  /** Shows where an error comes from. */
  readonly debug: boolean
}

/** The one place that writes: results to stdout, all else to stderr, nothing that a terminal could take for a command. */
export class Printer {
  readonly json: boolean
  readonly #options: PrinterOptions
  readonly #bar: ProgressBar | undefined

  constructor(options: PrinterOptions) {
    this.json = options.json
    this.#options = options
    const draws = options.progress && !options.quiet && !options.json && options.stderr.isTTY
    this.#bar = draws ? new ProgressBar(options.stderr) : undefined
  }

  /** True where stdout is a terminal. */
  get isTerminal(): boolean {
    return this.#options.stdout.isTTY
  }

  /** Lines of a result that is text. */
  result(...lines: readonly string[]): void {
    this.#bar?.hide()
    for (const line of lines) this.#options.stdout.write(`${printable(line)}\n`)
  }

  /** A result that is a document: one line. */
  document(value: object): void {
    this.#options.stdout.write(`${printableJson(value)}\n`)
  }

  /** Lines beside the result, for people. Nothing where there are documents or all should be quiet. */
  note(...lines: readonly string[]): void {
    if (this.#options.quiet || this.json) return
    this.#bar?.hide()
    for (const line of lines) this.#options.stderr.write(`${printable(line)}\n`)
  }

  /** Lines that are drawn as they are, such as a QR code: letters that this program chose. */
  drawing(text: string): void {
    if (!this.json) this.#options.stderr.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** Clears the terminal and shows lines in place of what was there. */
  screen(lines: readonly string[]): void {
    this.#options.stdout.write('\u001b[H\u001b[2J')
    this.result(...lines)
  }

  progress(progress: Progress): void {
    this.#bar?.show(progress)
  }

  hideProgress(): void {
    this.#bar?.hide()
  }

  /** What went wrong, and what to do. */
  error(error: BackerError): void {
    this.#bar?.hide()
    const { stderr, debug } = this.#options
    const { code: name, message, hint } = error
    if (this.json) {
      stderr.write(
        `${printableJson({ type: 'error', code: exitCodeOf(name), name, message, ...(hint === undefined ? {} : { hint }) })}\n`
      )
    } else {
      stderr.write(`backer: ${printable(message)}\n`)
      if (hint !== undefined) stderr.write(`  ${printable(hint)}\n`)
    }
    if (debug) stderr.write(`${stackOf(error)}\n`)
  }
}

/** The stacks of an error and of what caused it. Each line is made safe by itself: the line breaks are the stack's own. */
function stackOf(error: BackerError): string {
  const stacks = [error, error.cause].flatMap(thrown => (thrown instanceof Error ? [thrown.stack ?? ''] : []))
  return stacks.join('\n').split('\n').map(printable).join('\n')
}
