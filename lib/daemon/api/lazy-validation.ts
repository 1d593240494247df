import { createRequire } from 'node:module'
import type compilerFactory from '@fastify/ajv-compiler'
import { loadInTurns } from './in-turns.js'

const require = createRequire(import.meta.url)
const AJV = { name: '@fastify/ajv-compiler', parts: ['ajv', 'ajv/dist/jtd', 'ajv-formats', 'ajv/dist/standalone'] }

type Factory = typeof compilerFactory
type Build = ReturnType<Factory>
type Compile = ReturnType<Build>
type Check = ReturnType<Compile>
/** What fastify needs of a check. */
type Validate = ((data: unknown) => unknown) & { errors?: Check['errors'] | undefined }

/** Loads what compiles schemas, in turns with whatever else there is to do. */
export async function loadValidation(): Promise<void> {
  await loadInTurns<Factory>(AJV)
}

/**
 * Has a route's schema compiled when the route is first asked for, and what compiles it loaded then, if it is not yet. All of them at once take a tenth of a second,
 * in which nothing else in this process would go on. For fastify's `compilersFactory.buildValidator`.
 */
export const buildLazily: Build = (schemas, options) => {
  let compile: Compile | undefined
  return schema => {
    let check: Check | undefined
    const validate: Validate = data => {
      compile ??= (require(AJV.name) as Factory)()(schemas, options)
      check ??= compile(schema)
      const isValid = check(data)
      validate.errors = check.errors
      return isValid
    }
    return validate as Check
  }
}
