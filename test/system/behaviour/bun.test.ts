/** Runs the behaviour suite on Bun. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hubBehaviour } from './behaviour.ts'

hubBehaviour({
  name: 'Bun',
  command: COMMANDS.bun,
  leaving: 'at once',
  stalledSocket: 'cut',
  // With one reader it uses 120 to 270 MiB, after 0.1 GB or 1.6 GB alike: garbage, not a leak.
  memory: 'hidden by garbage',
  badEnvironment: 'exits with 2',
  signals: 'drain',
})
