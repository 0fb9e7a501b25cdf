/** A token issuer that serves its keys from this machine and fails on demand. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** An issuer that listens. */
export interface Issuer {
  readonly url: string
  /** How often its keys were requested. */
  readonly requests: number
  /** How many bytes of an endless answer it has written. */
  readonly endlessBytes: number
  /** The public keys that it publishes; tests may take some away or add others. */
  readonly keys: JWK[]
  /** What it answers from now on. */
  respondWith(how: 'keys' | 'error' | 'nonsense' | 'redirect' | 'endless'): void
  close(): Promise<void>
}

/** A pair of keys of the issuer. */
export interface KeyPair {
  readonly alg: string
  readonly jwk: JWK
  readonly privateKey: CryptoKey
  /** Signs claims as they are; the header names the key unless `header` says otherwise. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
}

/** Makes a pair of keys. */
export async function createKeyPair(kid: string, alg = 'ES256'): Promise<KeyPair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  return { alg, jwk, privateKey, sign }

  function sign(claims: Record<string, unknown>, header = {}): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
  }
}

const CHUNK = ' '.repeat(65_536)

/** Writes until the other side has had enough. */
function writeEndlessly(response: ServerResponse, count: (bytes: number) => void): void {
  for (let more = true; more && !response.destroyed; count(CHUNK.length))
    more = response.write(CHUNK)
  if (!response.destroyed) response.once('drain', () => writeEndlessly(response, count))
}

/** Starts an issuer on any free port. */
export async function startIssuer(...keys: JWK[]): Promise<Issuer> {
  let requests = 0
  let how = 'keys'
  let pouredBytes = 0
  const server = createServer((_, response) => {
    requests += 1
    const status = { error: 500, redirect: 302 }[how] ?? 200
    response.writeHead(status, { 'Content-Type': 'application/json', Location: '/elsewhere' })
    if (how === 'endless') {
      writeEndlessly(response, (bytes) => {
        pouredBytes += bytes
      })
      return
    }
    response.end(how === 'nonsense' ? '{"keys":"none"' : JSON.stringify({ keys }))
  })
  const port = await listening(server)
  return {
    url: `http://127.0.0.1:${port}/keys.json`,
    get requests() {
      return requests
    },
    get endlessBytes() {
      return pouredBytes
    },
    keys,
    respondWith: (next) => {
      how = next
    },
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      return closed
    },
  }
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
}
