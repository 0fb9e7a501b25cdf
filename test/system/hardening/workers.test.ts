/** Attacks servers of two processes that share a journal, on Node and on Bun. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hardening } from './hardening.ts'

for (const [name, command, slowSenders] of [
  ['Node with two workers', COMMANDS.node, 'cut'],
  // Bun only has an idle timeout: a client that sends a byte now and then keeps the socket.
  ['Bun with two workers', COMMANDS.bun, 'kept'],
] as const) {
  hardening({
    name,
    command,
    environment: { WORKERS: '2' },
    openToAll: 'exits with 2',
    slowSenders,
    bothLengths: 'refused',
    process: 'serves',
  })
}
