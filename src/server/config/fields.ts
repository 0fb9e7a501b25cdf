/** Kinds of environment variables: numbers, comma-separated lists, origins. */
import { z } from 'zod'

/** A whole number in decimal digits. */
export function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  return number(min, max).pipe(z.int('must be a whole number'))
}

/** A number of processes, or `auto`. */
export function workers(max: number): z.ZodType<number | 'auto', string> {
  const rule = `must be a number from 1 to ${max}, or auto`
  return z.string(rule).transform((text, context) => {
    if (text === 'auto') return text
    const count = Number(text)
    if (/^\d{1,4}$/.test(text) && count >= 1 && count <= max) return count
    context.addIssue(rule)
    return z.NEVER
  })
}

/** A number in decimal digits, with up to three decimals. */
export function number(min: number, max: number): z.ZodType<number, string> {
  const rule = `must be a number from ${min} to ${max}`
  const digits = z.string(rule).regex(/^\d{1,15}(\.\d{1,3})?$/, rule)
  return digits.transform(Number).pipe(z.number().min(min, rule).max(max, rule))
}

/** A comma-separated list; empty if the variable is unset. @param rule - what is wrong with an item */
export function list(item: RegExp, rule: string): z.ZodType<readonly string[], string | undefined> {
  return z
    .string()
    .default('')
    .transform((text) => text.split(',').map((part) => part.trim()))
    .transform((parts) => parts.filter((part) => part !== ''))
    .pipe(z.array(z.string().regex(item, rule)))
}

/** Whether a URL has nothing but a scheme, a host and a port. */
export function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).href === `${new URL(text).origin}/`
}

/** Whether a value that is not text is read as text. */
export function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || Array.isArray(value)
}
