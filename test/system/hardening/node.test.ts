/** Attacks the Node server, as `npm start` runs it. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hardening } from './hardening.ts'

hardening({
  name: 'Node',
  command: COMMANDS.node,
  openToAll: 'exits with 2',
  slowSenders: 'cut',
  bothLengths: 'refused',
  process: 'serves',
})
