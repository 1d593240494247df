declare module 'brittle' {
  /** The part of a brittle test that this project uses. */
  export interface Test {
    pass(message?: string): void
    fail(message?: string): void
    ok(value: unknown, message?: string): void
    absent(value: unknown, message?: string): void
    is(actual: unknown, expected: unknown, message?: string): void
    not(actual: unknown, expected: unknown, message?: string): void
    alike(actual: unknown, expected: unknown, message?: string): void
    unlike(actual: unknown, expected: unknown, message?: string): void
    exception(fn: (() => unknown) | Promise<unknown>, expected?: unknown, message?: string): Promise<void>
    execution(fn: (() => unknown) | Promise<unknown>, message?: string): Promise<unknown>
    comment(message: string): void
    plan(count: number): void
    timeout(ms: number): void
    teardown(fn: () => unknown, options?: { order?: number }): void
    tmp(): Promise<string>
    end(): void
  }
  type Body = (t: Test) => unknown
  interface Options {
    timeout?: number
    skip?: boolean
  }
  interface TestFunction {
    (name: string, body: Body): Promise<void>
    (name: string, options: Options, body: Body): Promise<void>
  }
  /** Before the first test of a process. `timeout`: milliseconds that each test may take. */
  export function configure(config: { timeout: number }): void
  const test: TestFunction
  export default test
}
