/** The calls that a Worker makes to a shard by RPC: what they do there, and how errors survive the way back. */
import { type Addresses, checkName, checkTopics } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import { HubError, type Issue, isHubError, isHubErrorCode } from '../../core/errors.ts'
import type { EventInput } from '../../core/event.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import type { DisconnectResult, StopResult } from '../../hub/cluster.ts'
import type { PublishResult } from '../../hub/delivery.ts'
import type { Hub } from '../../hub/hub-types.ts'
import type { PublishOptions } from '../../hub/idempotency/once-of.ts'
import type { PipeOptions, PipeResult } from '../../hub/piping/pipe.ts'

/** What the sender of a request may listen to, as the Worker has found out. */
export interface StreamPermit {
  /** The client id, from your own login. */
  readonly client: string
  /** @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /** When the stream ends, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

const KINDS: Kinds<StreamPermit> = {
  client: KIND.any,
  topics: KIND.texts,
  expiresAt: KIND.number,
}

/** @throws {HubError} `invalid-option` for a part of the permit that is unknown or of another kind */
export function checkPermit(permit: StreamPermit): void {
  checkOptions('a permit', permit, KINDS)
}

/** The methods of a shard. A caller that is configured with another number of shards is refused. */
export interface RemoteCalls {
  /** @see Hub.publish */
  publish(addresses: Addresses, event: EventInput, shards?: number): Promise<PublishResult>
  /** The same with options. A method of its own, which an older version lacks: it would ignore them. */
  publishWith(
    addresses: Addresses,
    event: EventInput,
    options: PublishOptions,
    shards?: number,
  ): Promise<PublishResult>
  /** @see Hub.pipe. @param name - of the pipe, for `endPipe` */
  pipe(
    addresses: Addresses,
    source: ReadableStream<Uint8Array>,
    options: Omit<PipeOptions, 'signal'>,
    name: string,
    shards?: number,
  ): Promise<PipeResult>
  /** Ends a pipe as its signal would. */
  endPipe(name: string): Promise<void>
  /** @see Hub.stop */
  stop(client: string, key: string, shards?: number): Promise<StopResult>
  /** @see Hub.disconnect */
  disconnect(client: string, blockMs?: number, shards?: number): Promise<DisconnectResult>
  /** Stores a permit and returns its name. A request whose header `Hub-Permit` has this name opens one stream. */
  permit(permit: StreamPermit, shards?: number): Promise<string>
}

/** The header that names a permit. Names can't be guessed, so nobody else can set it. */
export const PERMIT_HEADER = 'Hub-Permit'

/** Milliseconds within which a permit must be used: the request follows at once. */
const PERMIT_MS = 30_000

/** Permits that wait for their request; beyond, the oldest is dropped, and its client reconnects. */
const MAX_PERMITS = 10_000

/** What the calls need of a shard. */
export interface RemoteCallsInit {
  readonly hub: Hub
  ensureReady(shards: number): Promise<void>
  readonly clock: Pick<Clock, 'monotonic'>
}

/** The calls, and the permits that they have stored. */
export function createRemoteCalls({ hub, ensureReady, clock }: RemoteCallsInit): RemoteCalls & {
  /** Removes and returns a permit; undefined if there is none. */
  takePermit(name: string): StreamPermit | undefined
} {
  const permits = new Map<string, { readonly permit: StreamPermit; readonly endsAt: number }>()
  const pipes = new Map<string, AbortController>()
  return {
    publish: (addresses, event, shards = 1) => call(shards, () => hub.publish(addresses, event)),
    publishWith: (addresses, event, options, shards = 1) =>
      call(shards, () => hub.publish(addresses, event, options)),
    pipe: (addresses, source, options, name, shards = 1) => {
      const controller = new AbortController()
      const { signal } = controller
      pipes.set(name, controller)
      const piping = call(shards, () => hub.pipe(addresses, source, { ...options, signal }))
      return piping.finally(() => pipes.delete(name))
    },
    endPipe: async (name) => pipes.get(name)?.abort(),
    stop: (client, key, shards = 1) => call(shards, () => hub.stop(client, key)),
    disconnect: (client, blockMs = 0, shards = 1) =>
      call(shards, () => hub.disconnect(client, blockMs)),
    permit: (permit, shards = 1) => call(shards, async () => storePermit(permit)),
    takePermit,
  }

  async function call<T>(shards: number, work: () => Promise<T>): Promise<T> {
    await ensureReady(shards)
    try {
      return await work()
    } catch (error) {
      throw isHubError(error) ? new Error(textOf(error)) : error
    }
  }

  function storePermit(permit: StreamPermit): string {
    checkPermit(permit)
    const { client, topics = [], expiresAt } = permit
    checkName('client id', client)
    checkTopics(topics)
    const now = clock.monotonic()
    for (const [name, { endsAt }] of permits) {
      if (endsAt > now && permits.size < MAX_PERMITS) break
      permits.delete(name)
    }
    const name = crypto.randomUUID()
    permits.set(name, { permit: { client, topics, expiresAt }, endsAt: now + PERMIT_MS })
    return name
  }

  function takePermit(name: string): StreamPermit | undefined {
    const stored = permits.get(name)
    permits.delete(name)
    return stored && stored.endsAt > clock.monotonic() ? stored.permit : undefined
  }
}

/** Of an error, only the message comes back. The issues are its last line. */
function textOf({ code, message, issues }: HubError): string {
  const text = `${code}: ${message}`
  return issues ? `${text}\n\n${JSON.stringify(issues)}` : text
}

const CODED = /^([a-z-]+): (.*)$/s
const WITH_ISSUES = /^(.*)\n\n(\[.+\])$/s

/** The error that a call has thrown on the shard. */
export function errorOfCall(error: unknown): unknown {
  const [, code = '', text = ''] = error instanceof Error ? (CODED.exec(error.message) ?? []) : []
  if (!isHubErrorCode(code)) return error
  const [, message = '', json = ''] = WITH_ISSUES.exec(text) ?? []
  const issues = issuesIn(json)
  return new HubError(code, issues ? message : text, { issues })
}

/** Returns the issues in JSON; undefined if it is something else. */
function issuesIn(json: string): readonly Issue[] | undefined {
  try {
    const issues: unknown = JSON.parse(json)
    return Array.isArray(issues) && issues.every(isIssue) ? issues : undefined
  } catch {
    return undefined
  }
}

function isIssue(value: unknown): value is Issue {
  const { path, message } = Object(value)
  return typeof path === 'string' && typeof message === 'string'
}
