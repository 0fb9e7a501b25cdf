/** Listens on a runtime, for the command and for `serve`: one certificate, one list of what is reported. */
import { systemClock } from '../core/clock.ts'
import {
  readCertificate,
  type ServeCertificate,
  type ServeCertificateFiles,
  watchCertificate,
} from './certificate.ts'
import type { Report } from './report.ts'

/** What a runtime listens with. */
export interface ListenInit {
  fetch(request: Request, bindings: object): Response | Promise<Response>
  readonly port: number
  readonly hostname: string
  /** Whether other processes listen on the same port. @defaultValue `false` */
  readonly isShared?: boolean
  /** If present, the server uses TLS. */
  readonly tls: ServeCertificate | undefined
  /** Whether a server with TLS supports HTTP/2 beside HTTP/1.1. */
  readonly http2: boolean
  /** Called with an error that the server survives, such as having to refuse connections. */
  onError(error: unknown): void
}

/** A socket that accepts connections, and can close them. */
export interface ListeningSocket {
  /** The port that it listens on, also when port 0 was asked for. */
  readonly port: number
  /** Stops accepting connections. Resolves when the open ones have closed. */
  stop(): Promise<void>
  /** Closes all connections now. */
  abort(): void
  /**
   * Uses another certificate for new connections. Absent where the runtime can't.
   * @throws if the certificate is invalid; the old one then stays
   */
  setCertificate?(certificate: ServeCertificate): void
}

/** Listens on a runtime. Rejects when the port is taken, or the certificate can't be used. */
export type Listen = (init: ListenInit) => Promise<ListeningSocket>

/** What a socket of any runtime is opened with. */
export interface SocketInit extends Omit<ListenInit, 'tls' | 'onError'> {
  readonly tls: ServeCertificate | ServeCertificateFiles | undefined
  readonly report: Report
}

/** Messages for {@link Report}. */
const NOT_ACCEPTED = 'connections could not be accepted'
const NOT_RENEWED = 'the certificate could not be renewed'

/** Listens, and uses a certificate that was renewed in its files. Rejects as {@link Listen} does, and when a file can't be read. */
export async function openSocket(listen: Listen, init: SocketInit): Promise<ListeningSocket> {
  const { tls, report, ...rest } = init
  const files = tls && 'certFile' in tls ? tls : undefined
  const read = files && readCertificate(files)
  const socket = await listen({
    ...rest,
    tls: tls && 'cert' in tls ? tls : read?.certificate,
    onError: (error) => report(NOT_ACCEPTED, error),
  })
  const { setCertificate } = socket
  if (!files || !read || !setCertificate) return socket
  const unwatch = watchCertificate({
    files,
    version: read.version,
    clock: systemClock,
    renew: setCertificate,
    onCheck: (error) => report(error ? NOT_RENEWED : 'certificate renewed', error),
  })
  return {
    ...socket,
    stop: () => {
      unwatch()
      return socket.stop()
    },
  }
}
