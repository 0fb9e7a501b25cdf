/** Attacks the Bun door. */
import { hardening } from './hardening.ts'

hardening({
  name: 'Bun',
  command: { file: 'node_modules/.bin/bun', args: ['run', 'src/bun.ts'] },
  openToAll: 'exits with 2',
  // Bun has a timer for silence alone: who sends a byte now and then keeps the socket.
  slowSenders: 'kept',
  bothLengths: 'refused',
  process: 'serves',
})
