/** Runs the behaviour suite on Node, as `npm start` does. */
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
