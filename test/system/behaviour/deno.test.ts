/** Runs the behaviour suite on Deno. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hubBehaviour } from './behaviour.ts'

hubBehaviour({
  name: 'Deno',
  command: COMMANDS.deno,
  leaving: 'at once',
  // Deno has no way to drop one client's socket: the hub frees the memory, the socket stays.
  stalledSocket: 'kept',
  // With one reader its memory rises and falls by 60 MB: a leak would not show.
  memory: 'hidden by garbage',
  badEnvironment: 'exits with 2',
  signals: 'drain',
})
