/** Holds the Cloudflare Workers adapter, in workerd and offline, to the behaviour of the hub. */
import { hubBehaviour } from './behaviour.ts'

hubBehaviour({
  name: 'Workers',
  // Anyone can reach a Worker: without a key it refuses every request unless this is set.
  environment: { ALLOW_ANONYMOUS: 'true' },
  command: { file: process.execPath, args: ['test/support/worker/worker.mjs'] },
  // A Durable Object learns that a client has left only when it writes to the stream.
  leaving: 'at a later write',
  // workerd can't drop the socket of a single client.
  stalledSocket: 'kept',
  // workerd collects garbage late: after 1,200 posts of 100 KB without a listener it holds 150 MB more.
  memory: 'hidden by garbage',
  // A Worker has no process that could exit: the constructor of its object throws, so every request fails.
  badEnvironment: 'answers 500',
  // A Durable Object receives no signal and has no shutdown hook: the platform ends it.
  signals: 'none',
})
