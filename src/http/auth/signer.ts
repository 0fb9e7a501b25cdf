/**
 * Signs the claims that the hub issues, and verifies them when they come back. Keys are derived from
 * its secrets.
 * @see https://www.rfc-editor.org/rfc/rfc5869 HKDF
 */
import { loadJose, preloadJose } from './jose.ts'

/** Signs and verifies claims for one purpose. */
export interface Signer {
  sign(claims: Readonly<Record<string, unknown>>): Promise<string>
  /** Resolves with the claims; undefined if none of the secrets signed them. Ignores their age. */
  verify(signed: string): Promise<unknown>
}

const ALGORITHM = 'HS256'

/**
 * Creates a signer. Each purpose has its own key, so that claims signed for one never verify for another.
 * @param secrets - the first one signs, all of them verify, so that secrets can be rotated
 */
export function createSigner(secrets: readonly string[], purpose: string): Signer {
  const keys = secrets.map((secret) => derive(secret, purpose))
  preloadJose()
  return { sign, verify }

  async function sign(claims: Readonly<Record<string, unknown>>): Promise<string> {
    const [key] = await Promise.all(keys)
    if (!key) throw new TypeError('A signer requires a secret.')
    const { SignJWT } = await loadJose()
    return await new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM }).sign(key)
  }

  async function verify(signed: string): Promise<unknown> {
    const { compactVerify } = await loadJose()
    for (const key of await Promise.all(keys)) {
      try {
        const { payload } = await compactVerify(signed, key, { algorithms: [ALGORITHM] })
        return JSON.parse(new TextDecoder().decode(payload))
      } catch {
        // Another key may have signed it: try the next one.
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
