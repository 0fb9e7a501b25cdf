/** `hono-sse/serve` on Node. */
import { createServe, type Serve } from '../../server/serving.ts'
import { serveNode } from './server.ts'

export type { ServeCertificate, ServeCertificateFiles } from '../../server/certificate.ts'
export type { RunningServer, Serve, ServedApp, ServeOptions } from '../../server/serving.ts'

/** Serves an app with `node:http`, or with TLS and HTTP/2 if there is a certificate. */
export const serve: Serve = createServe(serveNode)
