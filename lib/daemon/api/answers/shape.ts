/** A JSON schema as it stands in the description of the API. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** A JSON schema of documents of the type T: one that leaves out a field of T, or has one too many, does not compile. */
export interface Schema<T> {
  readonly json: JsonSchema
  /** Only for the compiler. */
  readonly of?: T
}

/** A field that a document may lack. */
export interface Optional<T> extends Schema<T> {
  readonly isOptional: true
}

type FieldOf<V> = undefined extends V ? Optional<Exclude<V, undefined>> : Schema<V>
type Fields<T> = { readonly [K in keyof T]-?: FieldOf<T[K]> }

export function text<T extends string = string>(description?: string): Schema<T> {
  return { json: { type: 'string', ...(description === undefined ? {} : { description }) } }
}

/** A point in time: RFC 3339. */
export const time: Schema<string> = { json: { type: 'string', format: 'date-time' } }
export const flag: Schema<boolean> = { json: { type: 'boolean' } }
export const number: Schema<number> = { json: { type: 'number' } }
/** A count of items or bytes. */
export const count: Schema<number> = { json: { type: 'integer', minimum: 0 } }
export const always = <const T>(value: T): Schema<T> => ({ json: { const: value } })
export const schemaNumber: Schema<1> = always(1)

/** One of these words; of a type with words that are told but not listed here, text. */
export function word<const T extends string>(...words: readonly T[]): Schema<T> {
  return { json: { type: 'string', enum: words } }
}

export function list<T>(one: Schema<T>): Schema<readonly T[]> {
  return { json: { type: 'array', items: one.json } }
}

export function optional<T>(schema: Schema<T>): Optional<T> {
  return { ...schema, isOptional: true }
}

/** A document with these fields. Others may be added in time. */
export function object<T>(fields: Fields<T>, description?: string): Schema<T> {
  const named = Object.entries<Schema<unknown>>(fields)
  return {
    json: {
      type: 'object',
      ...(description === undefined ? {} : { description }),
      required: named.filter(([, field]) => !('isOptional' in field)).map(([name]) => name),
      properties: Object.fromEntries(named.map(([name, { json }]) => [name, json]))
    }
  }
}

/** One of several kinds of documents. */
export function either<T>(...kinds: readonly Schema<T>[]): Schema<T> {
  return { json: { anyOf: kinds.map(({ json }) => json) } }
}

/** The schema that the description of the API has under `name`; `SHARED` has it too. */
export function shared<T>(name: string, schema: Schema<T>): Schema<T> {
  return { json: { $id: name, ...schema.json } }
}

/** Refers to a shared schema. */
export function reference<T>({ json }: Schema<T>): Schema<T> {
  return { json: { $ref: `${String(json['$id'])}#` } }
}

/** What a route answers, as fastify takes it. */
type Answers = Readonly<Record<string, JsonSchema>>

/** Refers to what errors.ts makes. */
const REFUSAL: JsonSchema = {
  description: 'Refused: why, and what to do.',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } }
}

/** A document, or a refusal. */
export function answers(schema: Schema<unknown>): Answers {
  return { 200: { description: 'Done.', ...schema.json }, default: REFUSAL }
}

/** Nothing but that it has been done, or a refusal. */
export const DONE: Answers = { 204: { type: 'null', description: 'Done.' }, default: REFUSAL }

/** Something in other forms than one JSON document, by media type, or a refusal. */
export function answersIn(description: string, forms: Readonly<Record<string, JsonSchema>>): Answers {
  const content = Object.fromEntries(Object.entries(forms).map(([form, schema]) => [form, { schema }]))
  return { 200: { description, content }, default: REFUSAL }
}
