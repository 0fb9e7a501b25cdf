/** Who may open a stream now: not when the hub closes, is full, or keeps the client away. */
import { checkName, clientKey, EVERYONE } from '../core/address.ts'
import { HubError } from '../core/errors.ts'
import type { ExpiringSet } from '../core/expiring-set.ts'
import type { ConnectionInfo } from './connection.ts'
import type { HubMetrics } from './metrics.ts'
import type { HubSettings, RefusalReason, RejectionReason } from './options.ts'
import type { Registry } from './registry.ts'

/** What admission looks at. */
export interface AdmissionInit {
  readonly settings: Pick<
    HubSettings,
    'journal' | 'maxConnections' | 'maxConnectionsPerClient' | 'observer'
  >
  readonly registry: Registry
  readonly blocked: ExpiringSet
  readonly tally: Pick<HubMetrics, 'refusals'>
  /** Whether the hub takes nobody any more. */
  closed(): boolean
  /** Streams that are no longer registered and not over yet. */
  leaving(): number
}

/** Decides who may come in. */
export interface Admission {
  /** Why not, if not; the observer hears of it. @throws {HubError} `invalid-address` */
  refusal(client: string, trace?: ConnectionInfo): RefusalReason | undefined
  /** Counts a refusal, and tells the observer. */
  reject(client: string, reason: RejectionReason, trace?: ConnectionInfo): void
  /** @throws {HubError} `invalid-address`, `at-capacity`, `blocked`, `hub-closed` */
  admit(client: string, trace?: ConnectionInfo): void
}

/** Makes the door-keeper of a hub. */
export function createAdmission(init: AdmissionInit): Admission {
  const { settings, registry, blocked, tally, closed, leaving } = init
  const { journal, maxConnections, maxConnectionsPerClient, observer } = settings
  return { refusal, reject, admit }

  function refusal(client: string, trace?: ConnectionInfo): RefusalReason | undefined {
    const reason = whyNot(checkName('client id', client))
    if (reason) reject(client, reason, trace)
    return reason
  }

  function reject(client: string, reason: RejectionReason, trace: ConnectionInfo = {}): void {
    tally.refusals[reason] += 1
    observer.refused?.(client, reason, trace)
  }

  function admit(client: string, trace?: ConnectionInfo): void {
    const reason = refusal(client, trace)
    if (reason) throw refusalError(reason)
  }

  function whyNot(client: string): RefusalReason | undefined {
    if (closed()) return 'shutdown'
    if (blocked.has(client)) return 'blocked'
    // It could not even be opened: better that it returns when the journal does.
    if (journal.ready === false) return 'at-capacity'
    const full = registry.at(EVERYONE).size + leaving() >= maxConnections
    const clientFull = registry.at(clientKey(client)).size >= maxConnectionsPerClient
    return full || clientFull ? 'at-capacity' : undefined
  }
}

function refusalError(reason: RefusalReason): HubError {
  switch (reason) {
    case 'shutdown':
      return new HubError('hub-closed', 'The hub is closing: use another, or come back.')
    case 'blocked':
      return new HubError('blocked', 'The client is blocked for now.')
    case 'at-capacity':
      return new HubError('at-capacity', 'The hub, or this client, has all its connections.')
  }
}
