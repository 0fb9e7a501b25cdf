/** One suite for every runtime: attacks on a server, through real sockets. */
import { describe } from 'vitest'
import { anonymity } from './anonymity.ts'
import { bodies } from './bodies.ts'
import { floods, hastyClients } from './floods.ts'
import { injection } from './injection.ts'
import { lines } from './lines.ts'
import { requests } from './requests.ts'
import { secrecy } from './secrecy.ts'
import { createTargetPool, type Target } from './target.ts'
import { tickets } from './tickets.ts'

/** Attacks a runtime with its native streams, and its streams once more with portable ones. */
export function hardening(runtime: Target): void {
  // An emulated platform needs much memory and CPU: ten of them at once would starve each other.
  const concurrent = runtime.process === 'serves'
  const options = { concurrent }

  describe(`the hub on ${runtime.name}, attacked`, options, () => {
    const pool = createTargetPool(runtime, { STREAM: 'native' })
    anonymity(pool)
    tickets(pool)
    secrecy(pool)
    injection(pool)
    bodies(pool)
    lines(pool)
    requests(pool)
    floods(pool)
    hastyClients(pool)
  })

  describe(`the hub on ${runtime.name} with portable streams, attacked`, options, () => {
    const pool = createTargetPool(runtime, { STREAM: 'portable' })
    tickets(pool)
    injection(pool)
    hastyClients(pool)
  })
}
