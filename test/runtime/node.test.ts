/** Holds the Node door, as `npm start` runs it, to the behaviour of the hub. */
import { hubBehaviour } from './behaviour.ts'

hubBehaviour({
  name: 'Node',
  command: { file: process.execPath, args: ['dist/node.js'] },
  leaving: 'at once',
  stalledSocket: 'cut',
  memory: 'measured',
  badEnvironment: 'exits with 2',
  signals: 'drain',
})
