/** SHA-256 of a text, at once: the Web Crypto API returns promises, and events must keep their order. */

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const CONSTANTS = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])

/** The first 32 bits of the fractional parts of the square roots of the first 8 primes. */
const INITIAL = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
])

const BLOCK_BYTES = 64
const encoder = new TextEncoder()
const schedule = new Int32Array(64)

/**
 * Returns the hash of a text in UTF-8, in hexadecimal digits. @param bits - how many of its bits, from the first: a multiple of 32
 * @see https://doi.org/10.6028/NIST.FIPS.180-4
 */
export function sha256(text: string, bits = 256): string {
  const bytes = encoder.encode(text)
  const blocks = Math.ceil((bytes.length + 9) / BLOCK_BYTES)
  const padded = new Uint8Array(blocks * BLOCK_BYTES)
  padded.set(bytes)
  padded[bytes.length] = 0x80
  const view = new DataView(padded.buffer)
  // The length in bits takes 64 of them.
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29))
  view.setUint32(padded.length - 4, bytes.length << 3)
  const state = INITIAL.slice()
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) addBlock(state, view, at)
  // A part of a string would keep the whole string in memory, and so would a sum of strings.
  return Array.from(state.subarray(0, bits / 32), toHex).join('')
}

function toHex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

/** Adds a block to the state. The letters are those of the standard. All is in two loops: they run for each event. */
function addBlock(state: Int32Array, view: DataView, at: number): void {
  for (let n = 0; n < 16; n++) schedule[n] = view.getInt32(at + 4 * n)
  for (let n = 16; n < 64; n++) {
    const x = schedule[n - 15] as number
    const y = schedule[n - 2] as number
    const sumX = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const sumY = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    schedule[n] = (schedule[n - 16] as number) + sumX + (schedule[n - 7] as number) + sumY
  }
  const words = state as unknown as Words
  // Not as a pattern, which would iterate.
  let a = words[0]
  let b = words[1]
  let c = words[2]
  let d = words[3]
  let e = words[4]
  let f = words[5]
  let g = words[6]
  let h = words[7]
  for (let n = 0; n < 64; n++) {
    const sumE = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const choice = (e & f) ^ (~e & g)
    const one = (h + sumE + choice + (CONSTANTS[n] as number) + (schedule[n] as number)) | 0
    const sumA = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const majority = (a & b) ^ (a & c) ^ (b & c)
    h = g
    g = f
    f = e
    e = (d + one) | 0
    d = c
    c = b
    b = a
    a = (one + sumA + majority) | 0
  }
  words[0] += a
  words[1] += b
  words[2] += c
  words[3] += d
  words[4] += e
  words[5] += f
  words[6] += g
  words[7] += h
}

type Words = [number, number, number, number, number, number, number, number]
