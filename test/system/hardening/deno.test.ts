/** Attacks the Deno server. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hardening } from './hardening.ts'

hardening({
  name: 'Deno',
  command: COMMANDS.deno,
  openToAll: 'exits with 2',
  // Deno.serve has no option for the time that a request may take.
  slowSenders: 'kept',
  // RFC 9112 §6.3 lets a server do so when it takes the length away, as hyper does.
  bothLengths: 'read as chunked',
  process: 'serves',
})
