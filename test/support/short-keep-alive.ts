/** Lets `fetch` keep an idle connection for half a second only: on a busy machine, a server may close an older one just as it is used again. */

/** Where Node keeps the dispatcher of `fetch`. https://undici.nodejs.org/#/docs/api/GlobalInstallation */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1')

interface Agent {
  readonly constructor: new (options: {
    keepAliveTimeout: number
    keepAliveMaxTimeout: number
  }) => Agent
}

// The first request creates the dispatcher.
await fetch('data:,')
const { [DISPATCHER]: agent } = globalThis as unknown as { [DISPATCHER]?: Agent }
if (!agent) throw new Error('This Node keeps no dispatcher of fetch where it is expected.')
Object.assign(globalThis, {
  [DISPATCHER]: new agent.constructor({ keepAliveTimeout: 500, keepAliveMaxTimeout: 500 }),
})
