/** Attacks the Cloudflare Workers adapter, in workerd and offline. */
import { hardening } from './hardening.ts'

hardening({
  name: 'Workers',
  command: { file: process.execPath, args: ['test/support/worker/worker.mjs'] },
  // A Worker has no process that could exit, and no address that only the local machine can reach.
  openToAll: 'answers 503',
  // On Cloudflare, the edge receives the whole request before it passes it on.
  slowSenders: 'kept',
  // The edge also handles malformed HTTP: only developers see how workerd reads it.
  bothLengths: 'read as chunked',
  process: 'stands in for a platform',
})
