/** Runs the behaviour suite on servers of two processes that share a journal, on Node and on Bun. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hubBehaviour } from './behaviour.ts'

for (const [name, command] of [
  ['Node with two workers', COMMANDS.node],
  ['Bun with two workers', COMMANDS.bun],
] as const) {
  const runtime = {
    name,
    command,
    environment: { WORKERS: '2' },
    workers: 2,
    leaving: 'at once',
    stalledSocket: 'cut',
    // It is asked of the first process, which keeps no streams.
    memory: 'hidden by garbage',
    badEnvironment: 'exits with 2',
    signals: 'drain',
  } as const
  // A journal does not depend on how streams are opened: one way is enough.
  hubBehaviour(runtime, ['native'])
}
