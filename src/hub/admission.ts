/** Admission: refuses a stream if the hub is closing or full, or if the client is blocked. */
import { checkName, clientKey, EVERYONE } from '../core/address.ts'
import { HubError } from '../core/errors.ts'
import { createExpiringSet } from '../core/expiring-set.ts'
import type { Closing } from './closing.ts'
import type { ConnectionInfo } from './connections/connection-types.ts'
import type { Registry } from './connections/registry.ts'
import type { RefusalReason, RejectionReason } from './hooks/hooks.ts'
import type { HubMetrics } from './metrics.ts'
import type { HubSettings } from './options.ts'

/** What admission needs of the hub. */
export interface AdmissionInit {
  readonly settings: Pick<
    HubSettings,
    'clock' | 'journal' | 'maxConnections' | 'maxConnectionsPerClient' | 'clientOverflow' | 'hooks'
  >
  readonly registry: Registry
  readonly closing: Pick<Closing, 'size' | 'draining' | 'dismiss'>
  readonly metrics: Pick<HubMetrics, 'refusals'>
}

/** Decides which streams may open. */
export interface Admission {
  /**
   * Returns why the client's stream is refused now, or undefined if it may open. Counts and reports a refusal.
   * @throws {HubError} `invalid-address`
   */
  refusal(client: string, info?: ConnectionInfo): RefusalReason | undefined
  /** Counts a refusal and calls the hook. */
  reject(client: string, reason: RejectionReason, info?: ConnectionInfo): void
  /** Admits a connection of a client; its oldest one may have to end for that. @throws {HubError} `invalid-address`, `at-capacity`, `blocked`, `hub-closed` */
  admit(client: string, info?: ConnectionInfo): void
  /** Refuses a client for `ms` milliseconds. @throws {HubError} `at-capacity` when 100,000 clients are blocked */
  block(client: string, ms: number): void
  isBlocked(client: string): boolean
}

/** Creates the admission of a hub. */
export function createAdmission({
  settings,
  registry,
  closing,
  metrics,
}: AdmissionInit): Admission {
  const { clock, journal, maxConnections, maxConnectionsPerClient, clientOverflow, hooks } =
    settings
  // A backplane stores the blocks of all hubs and refuses those beyond its limit before any hub receives them.
  const blocked = createExpiringSet(clock, { whenFull: journal.backplane ? 'drop' : 'refuse' })
  return { refusal, reject, admit, block: blocked.add, isBlocked: blocked.has }

  function refusal(client: string, info?: ConnectionInfo): RefusalReason | undefined {
    const reason = reasonAgainst(checkName('client id', client))
    if (reason) reject(client, reason, info)
    return reason
  }

  function reject(client: string, reason: RejectionReason, info: ConnectionInfo = {}): void {
    metrics.refusals[reason] += 1
    hooks.onRefuse(client, reason, info)
  }

  function admit(client: string, info?: ConnectionInfo): void {
    const reason = refusal(client, info)
    if (reason) throw refusalError(reason)
    // The set is in the order of connecting.
    const [oldest] = registry.at(clientKey(client))
    if (oldest && isClientFull(client)) closing.dismiss(oldest, 'at-capacity')
  }

  function isClientFull(client: string): boolean {
    return registry.at(clientKey(client)).size >= maxConnectionsPerClient
  }

  function reasonAgainst(client: string): RefusalReason | undefined {
    if (closing.draining) return 'shutdown'
    if (blocked.has(client)) return 'blocked'
    // The stream could not open without the journal, so the client should retry later.
    if (journal.ready === false) return 'at-capacity'
    const full = registry.at(EVERYONE).size + closing.size >= maxConnections
    const mayReplace = clientOverflow === 'oldest' && maxConnectionsPerClient > 0
    return full || (isClientFull(client) && !mayReplace) ? 'at-capacity' : undefined
  }
}

function refusalError(reason: RefusalReason): HubError {
  switch (reason) {
    case 'shutdown':
      return new HubError(
        'hub-closed',
        'The hub is closing: connect to another instance, or try again later.',
      )
    case 'blocked':
      return new HubError('blocked', 'The client is temporarily blocked: try again later.')
    case 'at-capacity':
      return new HubError(
        'at-capacity',
        'The hub can’t open a stream now: it or this client has reached its maximum number of connections, or the journal is unreachable. Try again later.',
      )
  }
}
