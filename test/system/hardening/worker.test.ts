/** Attacks the Cloudflare Worker, in workerd and offline. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hardening } from './hardening.ts'

hardening({
  name: 'Workers',
  command: COMMANDS.worker,
  // A Worker has no process that could exit, and no address that only this machine can reach.
  openToAll: 'answers 503',
  // On Cloudflare its edge receives the request, and sends it on when it is there.
  slowSenders: 'kept',
  // So does the edge with whatever is not quite HTTP: what workerd makes of that is for developers only.
  bothLengths: 'read as chunked',
  process: 'stands in for a platform',
})
