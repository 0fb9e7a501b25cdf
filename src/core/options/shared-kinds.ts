/** Kinds of options that several parts of the hub have, and the client does not. */
import { type Kind, withMethods } from './option-kinds.ts'

/** The kind of a clock. */
export const CLOCK: Kind = withMethods('a clock', 'now', 'monotonic', 'every', 'soon')

/** The kind of a number of things. */
export const COUNT: Kind = { rule: 'must be a whole number', accepts: Number.isSafeInteger }
