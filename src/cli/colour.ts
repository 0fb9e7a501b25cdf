/** Colours text for a terminal, unless the environment asks for none. */
import type { WriteStream } from 'node:tty'

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90 } as const

/** A colour of the terminal's palette. */
export type Colour = keyof typeof CODES

/** Colours text if it goes to a terminal. @see https://no-color.org */
export function colour(
  name: Colour,
  text: string,
  output: Pick<WriteStream, 'isTTY'> = process.stdout,
): string {
  const { NO_COLOR, TERM } = process.env
  if (!output.isTTY || NO_COLOR || TERM === 'dumb') return text
  return `\u001b[${CODES[name]}m${text}\u001b[39m`
}
