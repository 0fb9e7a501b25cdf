/** Rules that several schemas state. */

/** The rule of a parameter that is not a list. */
export const AT_MOST_ONCE = 'must be sent at most once'

/** The maximum number of characters of a ticket in a URL. */
export const MAX_TICKET_LENGTH = 32_768

/** The rule of {@link MAX_TICKET_LENGTH}. */
export const TICKET_RULE: string = `must have at most ${MAX_TICKET_LENGTH} characters`

/** The rule of a field, and what is said if it is missing: `z.string(required(rule))`. */
export function required(rule: string): { readonly error: (sent: Sent) => string } {
  return { error: ({ input }) => (input === undefined ? 'is missing' : rule) }
}

interface Sent {
  readonly input?: unknown
}
