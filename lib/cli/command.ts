import type { Command } from 'commander'
import type { Context, GlobalOptions } from './context.js'
import type { ExitCode } from './exit.js'

/** What a command does, with what all commands share. */
export type Work = (context: Context) => ExitCode | Promise<ExitCode>

/** Does a command's work. */
export type Run = (work: Work, options: GlobalOptions) => Promise<void>

/** Does a command's work, with the options that every command takes. */
export type Act = (work: Work) => Promise<void>

/** The program with all its commands. */
export type Whole = () => Promise<Command>

/** Adds a command to the program: its words, its help, and what it does. Every file in `commands` has one. */
export type Declare = (program: Command, act: Act, whole: Whole) => void
