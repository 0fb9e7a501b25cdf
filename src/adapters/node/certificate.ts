/** Reads the certificate and its key from files, and again when the files have changed. */
import { readFileSync, type Stats, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../../core/clock.ts'
import type { Config } from '../../server/config.ts'
import type { Certificate } from './server.ts'

/** The paths of a certificate and its key, in PEM. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** A certificate, and which version of its files it comes from. */
export interface CertificateVersion {
  readonly certificate: Certificate
  readonly version: string
}

/** What a watch needs. */
export interface CertificateWatchInit {
  readonly files: CertificateFiles
  /** The version in use. */
  readonly version: string
  readonly clock: Pick<Clock, 'every'>
  /** Uses a new certificate. @throws if it can't be used; the watch then waits for another change */
  renew(certificate: Certificate): void
  /** Called after a renewal, and with the error when it failed. */
  onCheck(error?: unknown): void
}

/** Milliseconds between two looks at the files. */
const CHECK_MS = 5_000

/** The files that the configuration names; undefined without TLS. */
export function certificateFiles({ TLS_CERT, TLS_KEY }: Config): CertificateFiles | undefined {
  return TLS_CERT === undefined || TLS_KEY === undefined
    ? undefined
    : { cert: TLS_CERT, key: TLS_KEY }
}

/** Reads a certificate. @throws when a file can't be read */
export function readCertificate({ cert, key }: CertificateFiles): CertificateVersion {
  // The version comes first: a file that changes in between is read again.
  const version = versionOf([statSync(cert), statSync(key)])
  return { certificate: { cert: readFileSync(cert), key: readFileSync(key) }, version }
}

/**
 * Renews a certificate after each change of its files. It polls, because notifications of the file system
 * miss links that are replaced, as certbot and Kubernetes do.
 * @returns a function that ends it
 */
export function watchCertificate(init: CertificateWatchInit): () => void {
  const { files, clock, renew, onCheck } = init
  let { version } = init
  let checking = false
  return clock.every(CHECK_MS, () => {
    // A file system that hangs must not collect checks.
    if (checking) return
    checking = true
    check()
      .catch(onCheck)
      .finally(() => {
        checking = false
      })
  })

  async function check(): Promise<void> {
    const current = versionOf(await Promise.all([stat(files.cert), stat(files.key)]))
    if (current === version) return
    const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)])
    version = current
    renew({ cert, key })
    onCheck()
  }
}

function versionOf(files: readonly Stats[]): string {
  return files.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join()
}
