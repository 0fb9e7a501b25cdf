/** Attacks the Bun server. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hardening } from './hardening.ts'

hardening({
  name: 'Bun',
  command: COMMANDS.bun,
  openToAll: 'exits with 2',
  // Bun only has an idle timeout: a client that sends a byte now and then keeps the socket.
  slowSenders: 'kept',
  bothLengths: 'refused',
  process: 'serves',
})
