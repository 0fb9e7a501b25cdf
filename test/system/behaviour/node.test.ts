/** Holds the Node door, as `npm start` runs it, to the behaviour of the hub. */
import { NODE_DOOR } from '../../support/node.ts'
import { hubBehaviour } from './behaviour.ts'

hubBehaviour({
  name: 'Node',
  command: NODE_DOOR,
  leaving: 'at once',
  stalledSocket: 'cut',
  memory: 'measured',
  badEnvironment: 'exits with 2',
  signals: 'drain',
})
