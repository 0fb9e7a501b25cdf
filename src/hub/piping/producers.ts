/** Producers: the pipes that run now, so that a stop, and the end of the hub, reach them. */
import { type AddressKeys, clientOf } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import { createInFlight } from '../../core/in-flight.ts'
import { createLastEvents, type LastEvents } from './last-event.ts'
import type { EarlyEnd } from './run-pipe.ts'

/** The producers of one hub. */
export interface Producers {
  /**
   * Registers a producer until the function that it returns is called; with a key, at the clients among the addresses.
   * @param end - ends the producer. Called at once if the hub has closed
   */
  add(keys: AddressKeys, key: string | undefined, end: (reason: EarlyEnd) => void): () => void
  /** Ends the producers that publish to the client under the key. Returns how many it ended. */
  stop(client: string, key: string): number
  /** The last events of producers that did not end by themselves. */
  readonly last: LastEvents
  /** Ends all producers, and resolves when they have; after this many milliseconds at the latest. */
  close(maxMs: number): Promise<void>
}

interface Producer {
  readonly names: readonly string[]
  end(reason: EarlyEnd): void
}

/** Creates the producers of a hub. */
export function createProducers(clock: Pick<Clock, 'every'>): Producers {
  const running = new Set<Producer>()
  const named = new Map<string, Set<Producer>>()
  const inFlight = createInFlight(clock)
  let isClosed = false
  return { add, stop, last: createLastEvents(clock), close }

  function add(
    keys: AddressKeys,
    key: string | undefined,
    end: (reason: EarlyEnd) => void,
  ): () => void {
    const clients = key === undefined ? [] : clientsIn(keys)
    const producer = { names: clients.map((client) => nameOf(client, key)), end }
    running.add(producer)
    for (const name of producer.names) {
      named.set(name, (named.get(name) ?? new Set()).add(producer))
    }
    inFlight.began()
    if (isClosed) end(closing())
    return () => {
      unname(producer)
      if (running.delete(producer)) inFlight.ended()
    }
  }

  function stop(client: string, key: string): number {
    const producers = [...(named.get(nameOf(client, key)) ?? [])]
    for (const producer of producers) {
      unname(producer)
      producer.end({ ending: 'aborted' })
    }
    return producers.length
  }

  async function close(maxMs: number): Promise<void> {
    isClosed = true
    for (const { end } of running) end(closing())
    await inFlight.settled(maxMs)
  }

  function unname(producer: Producer): void {
    for (const name of producer.names) {
      const rest = named.get(name)
      rest?.delete(producer)
      if (rest?.size === 0) named.delete(name)
    }
  }
}

/** Returns the clients among addresses. */
function clientsIn(keys: AddressKeys): readonly string[] {
  return [keys].flat().flatMap((one) => clientOf(one) ?? [])
}

/** Neither of the two may contain a control character. */
function nameOf(client: string, key = ''): string {
  return `${client}\n${key}`
}

function closing(): EarlyEnd {
  return {
    ending: 'closing',
    error: new HubError('hub-closed', 'The hub is closed: use another instance.'),
  }
}
