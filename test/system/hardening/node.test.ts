/** Attacks the Node door, as `npm start` runs it. */
import { NODE_DOOR } from '../../support/node.ts'
import { hardening } from './hardening.ts'

hardening({
  name: 'Node',
  command: NODE_DOOR,
  openToAll: 'exits with 2',
  slowSenders: 'cut',
  bothLengths: 'refused',
  process: 'serves',
})
