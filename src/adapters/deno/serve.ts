/** `hono-sse/serve` on Deno. */
import { createServe, type Serve } from '../../server/serving.ts'
import { serveDeno } from './server.ts'

export type { ServeCertificate, ServeCertificateFiles } from '../../server/certificate.ts'
export type { RunningServer, Serve, ServedApp, ServeOptions } from '../../server/serving.ts'

/** Serves an app with `Deno.serve`. */
export const serve: Serve = createServe(serveDeno)
