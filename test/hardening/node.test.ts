/** Attacks the Node door, as `npm start` runs it. */
import { hardening } from './hardening.ts'

hardening({
  name: 'Node',
  command: { file: process.execPath, args: ['dist/node.js'] },
  openToAll: 'exits with 2',
  slowSenders: 'cut',
  bothLengths: 'refused',
  process: 'serves',
})
