/** One suite for every runtime: what an attacker tries against a server, through real sockets. */
import { describe } from 'vitest'
import { OPENERS } from '../behaviour/runtime.ts'
import { anonymity } from './anonymity.ts'
import { bodies } from './bodies.ts'
import { floods } from './floods.ts'
import { injection } from './injection.ts'
import { requests } from './requests.ts'
import { secrecy } from './secrecy.ts'
import { createTargetPool, type Target } from './target.ts'
import { tickets } from './tickets.ts'

/** Holds a runtime, with each way to open a stream, to what the hub promises to those who mean it ill. */
export function hardening(runtime: Target): void {
  for (const opener of OPENERS) withOpener(runtime, opener)
}

function withOpener(runtime: Target, STREAM: string): void {
  // A platform's stand-in weighs much: ten of them at once would starve each other.
  const concurrent = runtime.process === 'serves'
  const title = `the hub on ${runtime.name}, with ${STREAM} streams, attacked`
  describe(title, { timeout: 60_000, concurrent }, () => {
    const pool = createTargetPool(runtime, { STREAM })
    anonymity(pool)
    tickets(pool)
    secrecy(pool)
    injection(pool)
    bodies(pool)
    requests(pool)
    floods(pool)
  })
}
