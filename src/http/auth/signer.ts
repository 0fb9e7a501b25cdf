/**
 * Signed notes of the hub to itself, with keys derived from its secrets.
 * @see https://www.rfc-editor.org/rfc/rfc5869 HKDF
 */
import { compactVerify, SignJWT } from 'jose'

/** Signs and verifies one kind of note. */
export interface Signer {
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>
  /** The claims, if one of the secrets signed them; how old they are is not looked at. */
  verify(note: string): Promise<unknown>
}

const ALGORITHM = 'HS256'

/**
 * Makes a signer. Notes of another `purpose` don't verify: each has a key of its own.
 * @param secrets - the first signs, all verify, so that they can be rotated
 */
export function createSigner(secrets: readonly string[], purpose: string): Signer {
  const keys = secrets.map((secret) => derive(secret, purpose))
  return { sign, verify }

  async function sign(claims: Readonly<Record<string, unknown>>): Promise<string> {
    const [key] = await Promise.all(keys)
    if (!key) throw new TypeError('A signer needs a secret.')
    return await new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM }).sign(key)
  }

  async function verify(note: string): Promise<unknown> {
    for (const key of await Promise.all(keys)) {
      try {
        const { payload } = await compactVerify(note, key, { algorithms: [ALGORITHM] })
        return JSON.parse(new TextDecoder().decode(payload))
      } catch {
        // Signed with another key, perhaps the next.
      }
    }
    return undefined
  }
}

async function derive(secret: string, purpose: string): Promise<Uint8Array> {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const key = await crypto.subtle.importKey('raw', bytes(secret), 'HKDF', false, ['deriveBits'])
  const parameters = {
    name: 'HKDF',
    hash: 'SHA-256',
    salt: new Uint8Array(0),
    info: bytes(`hono-sse ${purpose}`),
  }
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, 256))
}
