/** Reads the certificate and its key from files, and again when the files have changed. */
import { readFileSync, type Stats, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'

/** A certificate and its key, in PEM. */
export interface ServeCertificate {
  readonly cert: string
  readonly key: string
}

/** The paths of a certificate and its key, in PEM. */
export interface ServeCertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** A certificate, and which version of its files it comes from. */
export interface CertificateVersion {
  readonly certificate: ServeCertificate
  readonly version: string
}

/** What a watch needs. */
export interface CertificateWatchInit {
  readonly files: ServeCertificateFiles
  /** The version in use. */
  readonly version: string
  readonly clock: Pick<Clock, 'every'>
  /** Uses a new certificate. @throws if it can't be used; the watch then waits for another change */
  renew(certificate: ServeCertificate): void
  /** Called after a renewal, and with the error when it failed. */
  onCheck(error?: unknown): void
}

/** Milliseconds between two looks at the files. */
const CHECK_MS = 5_000

/** Reads a certificate. @throws when a file can't be read */
export function readCertificate({ certFile, keyFile }: ServeCertificateFiles): CertificateVersion {
  // The version comes first: a file that changes in between is read again.
  const version = versionOf([statSync(certFile), statSync(keyFile)])
  const certificate = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  return { certificate, version }
}

/**
 * Renews a certificate after each change of its files. It polls, because notifications of the file system
 * miss links that are replaced, as certbot and Kubernetes do.
 * @returns a function that ends it
 */
export function watchCertificate(init: CertificateWatchInit): () => void {
  const { files, clock, renew, onCheck } = init
  const { certFile, keyFile } = files
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
    const current = versionOf(await Promise.all([stat(certFile), stat(keyFile)]))
    if (current === version) return
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
    version = current
    renew({ cert, key })
    onCheck()
  }
}

function versionOf(files: readonly Stats[]): string {
  return files.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join()
}
