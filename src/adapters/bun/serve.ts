/** `hono-sse/serve` on Bun. */
import { createServe, type Serve } from '../../server/serving.ts'
import { serveBun } from './server.ts'

export type { ServeCertificate, ServeCertificateFiles } from '../../server/certificate.ts'
export type { RunningServer, Serve, ServedApp, ServeOptions } from '../../server/serving.ts'

/** Serves an app with `Bun.serve`. */
export const serve: Serve = createServe(serveBun)
