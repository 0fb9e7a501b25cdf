/** A self-signed certificate, written to files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** The environment of a server that speaks TLS, and how its files are removed. */
export interface Certificate {
  readonly environment: { readonly TLS_CERT: string; readonly TLS_KEY: string }
  remove(): void
}

/** Makes a certificate for `localhost`. */
export async function createCertificate(): Promise<Certificate> {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-'))
  const environment = { TLS_CERT: join(folder, 'cert.pem'), TLS_KEY: join(folder, 'key.pem') }
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }])
  writeFileSync(environment.TLS_CERT, cert)
  writeFileSync(environment.TLS_KEY, key)
  return { environment, remove: () => rmSync(folder, { recursive: true }) }
}
