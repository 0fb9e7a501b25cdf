/** Publishing: an event goes through the journal to whoever listens, in one order for all. */
import { type Address, addressKey, kindOf } from '../core/address.ts'
import { type EventInput, type HubEvent, prepareEvent } from '../core/event.ts'
import type { Delivery } from '../journal/journal.ts'
import type { Deliveries } from './delivery.ts'
import type { HubMetrics } from './metrics.ts'
import type { HubSettings } from './options.ts'
import type { Registry } from './registry.ts'

/** What became of a published event. */
export interface PublishResult {
  /** The event's id; an ephemeral one has none. */
  readonly id?: string
  /** How many connections of this hub it was queued for. None is no error: the journal keeps it for a return. */
  readonly connections: number
  /** How many of the hubs that share the journal had a listener; absent where the journal is not shared. */
  readonly instances?: number
}

/** What publishing needs. */
export interface PublisherInit {
  readonly settings: Pick<HubSettings, 'journal' | 'maxEventBytes'>
  readonly registry: Registry
  readonly courier: Pick<Deliveries, 'deliver'>
  readonly tally: HubMetrics
}

/** Takes events in and gives them out. */
export interface Publisher {
  /** @throws {HubError} `invalid-address`, `invalid-event`, `event-too-large` */
  publish(address: Address, input: EventInput): Promise<PublishResult>
  deliver(delivery: Delivery): void
}

/** Makes the press of a hub. */
export function createPublisher({ settings, registry, courier, tally }: PublisherInit): Publisher {
  const { journal, maxEventBytes } = settings
  const deliveries: Delivery[] = []
  return { publish, deliver }

  function publish(address: Address, input: EventInput): Promise<PublishResult> {
    const key = addressKey(address)
    const event = prepareEvent(input, maxEventBytes)
    tally.publishes[kindOf(address)] += 1
    return input.ephemeral ? relay(key, event) : append(key, event)
  }

  async function append(key: string, event: HubEvent): Promise<PublishResult> {
    const connections = registry.at(key).size
    const { id, instances } = await journal.append(key, event)
    return instances === undefined ? { id, connections } : { id, connections, instances }
  }

  async function relay(key: string, event: HubEvent): Promise<PublishResult> {
    const connections = registry.at(key).size
    const { instances } = (await journal.relay(key, event)) ?? {}
    return instances === undefined ? { connections } : { connections, instances }
  }

  function deliver(delivery: Delivery): void {
    deliveries.push(delivery)
    // What an observer publishes meanwhile comes behind it, not in the middle.
    if (deliveries.length > 1) return
    try {
      for (const next of deliveries) {
        const reached = courier.deliver(next)
        tally.deliveries += reached
        tally.deliveredBytes += reached * next.frame.byteLength
      }
    } finally {
      deliveries.length = 0
    }
  }
}
