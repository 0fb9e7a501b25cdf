/** The data of an event: a mark used nowhere else on the wire, the send time, and padding. */
import { nowUs } from './sockets.ts'

/** `~` occurs once in each delivered event, so that counting needs no parser. */
export const MARK = 0x7e

const BYTES = 100
const DIGITS = 14
const ZERO = 0x30

/** The distance to the next mark is at least this many bytes. */
export const STRIDE = BYTES

/** A payload of 100 bytes that contains its time of sending. */
export function payload(): string {
  return `~${String(Math.round(nowUs())).padStart(DIGITS, '0')}`.padEnd(BYTES, 'x')
}

/** When the payload at this mark left, in microseconds; undefined when its digits are cut off. */
export function leftAtUs(bytes: Uint8Array, mark: number): number | undefined {
  if (mark + DIGITS >= bytes.length) return undefined
  let us = 0
  for (let at = mark + 1; at <= mark + DIGITS; at++) us = us * 10 + (bytes[at] ?? ZERO) - ZERO
  return us
}
