/** Holds the Node adapter, as `npm start` runs it, to the behaviour of the hub. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hubBehaviour } from './behaviour.ts'

hubBehaviour({
  name: 'Node',
  command: COMMANDS.node,
  leaving: 'at once',
  stalledSocket: 'cut',
  memory: 'measured',
  badEnvironment: 'exits with 2',
  signals: 'drain',
})
