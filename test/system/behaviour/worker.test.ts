/** Runs the behaviour suite against the Cloudflare Worker, in workerd and offline. */
import { COMMANDS } from '../../support/runtimes.ts'
import { hubBehaviour } from './behaviour.ts'

hubBehaviour({
  name: 'Workers',
  // A Worker is public: without a key it refuses requests unless ALLOW_ANONYMOUS is set.
  environment: { ALLOW_ANONYMOUS: 'true' },
  command: COMMANDS.worker,
  // workerd notifies a Durable Object that a client has left only when the object writes to it.
  leaving: 'at a later write',
  // workerd has no way to drop one client's socket either.
  stalledSocket: 'kept',
  // workerd collects garbage late: 1,200 posts of 100 KB without a client add 150 MB.
  memory: 'hidden by garbage',
  // A Worker has no process that could exit: its object can't be made, so each request fails.
  badEnvironment: 'answers 500',
  // A Durable Object gets no signal and has no shutdown hook: the platform just ends it.
  signals: 'none',
})
