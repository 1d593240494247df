import compilerFactory from '@fastify/ajv-compiler'

type Build = ReturnType<typeof compilerFactory>
type Compile = ReturnType<Build>
type Check = ReturnType<Compile>
/** What fastify needs of a check. */
type Validate = ((data: unknown) => unknown) & { errors?: Check['errors'] | undefined }

/**
 * Has a route's schema compiled when the route is first asked for. All of them at once take a tenth of a second, in which nothing else in this process
 * would go on. For fastify's `compilersFactory.buildValidator`.
 */
export const buildLazily: Build = (schemas, options) => {
  let compile: Compile | undefined
  return schema => {
    let check: Check | undefined
    const validate: Validate = data => {
      compile ??= compilerFactory()(schemas, options)
      check ??= compile(schema)
      const isValid = check(data)
      validate.errors = check.errors
      return isValid
    }
    return validate as Check
  }
}
