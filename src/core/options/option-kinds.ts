/** Options of an application: a misspelt one, or one of another kind, must not switch anything off in silence. */
import { HubError } from '../errors.ts'

/** What the value of an option must be. */
export interface Kind {
  /** What the value must be, as error messages state it. */
  readonly rule: string
  accepts(value: unknown): boolean
}

/** The kind of each option. Any of them may be left out: what is required is up to its owner. */
export type Kinds<Options extends object> = { readonly [Name in keyof Options]-?: Kind }

/** The kinds that options share. */
export const KIND: Readonly<
  Record<
    'any' | 'text' | 'texts' | 'number' | 'flag' | 'function' | 'functions' | 'object' | 'signal',
    Kind
  >
> = {
  /** Checked by its owner. */
  any: { rule: 'may be anything', accepts: () => true },
  text: { rule: 'must be a string', accepts: isText },
  texts: { rule: 'must be an array of strings', accepts: (value) => isListOf(value, isText) },
  number: { rule: 'must be a finite number', accepts: Number.isFinite },
  flag: { rule: 'must be true or false', accepts: (value) => typeof value === 'boolean' },
  function: { rule: 'must be a function', accepts: isFunction },
  functions: {
    rule: 'must be an array of functions',
    accepts: (value) => isListOf(value, isFunction),
  },
  object: { rule: 'must be an object', accepts: isObject },
  signal: {
    rule: 'must be an AbortSignal',
    accepts: isSignal,
  },
}

/** The kind of an object that has these methods. @param what - the object in words */
export function withMethods(what: string, ...names: readonly string[]): Kind {
  const accepts = (value: unknown) =>
    isObject(value) && names.every((name) => isFunction(value[name as keyof object]))
  return { rule: `must be ${what}, with ${names.join(', ')}`, accepts }
}

/**
 * Returns what is wrong with options, as a sentence; undefined for valid ones.
 * @param owner - what has the options, as the message names it, for example `createApp`
 */
export function optionsProblem<Options extends object>(
  owner: string,
  options: Options,
  kinds: Kinds<Options>,
): string | undefined {
  if (!isObject(options)) return `The options of ${owner} must be an object.`
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(kinds, name)) return `${owner} has no option "${name}".`
  }
  // What an object inherits counts as well, such as the getters of a class.
  for (const [name, { rule, accepts }] of Object.entries<Kind>(kinds)) {
    const value = options[name as keyof Options]
    if (value !== undefined && !accepts(value)) return `The option ${name} of ${owner} ${rule}.`
  }
  return undefined
}

/** @throws {HubError} `invalid-option` for an unknown option, or a value of another kind. @see optionsProblem */
export function checkOptions<Options extends object>(
  owner: string,
  options: Options,
  kinds: Kinds<Options>,
): void {
  const problem = optionsProblem(owner, options, kinds)
  if (problem !== undefined) throw new HubError('invalid-option', problem)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSignal(value: unknown): boolean {
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && isFunction(addEventListener)
}

function isListOf(value: unknown, accepts: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(accepts)
}
