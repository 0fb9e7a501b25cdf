/** The journal in Redis or Valkey: shared by several hubs, and there when they restart. */
import type { createClient } from 'redis'
import { newEpoch, type Place, parseCursor, placeOf } from '../../core/cursor.ts'
import { frameText, type HubEvent } from '../../core/event.ts'
import type { Delivery, Journal, Reach, Receiver } from '../journal.ts'
import { createPublishing } from './batch.ts'
import { createSubscriptions } from './channels.ts'
import { type Link, openLink } from './connection.ts'
import { type RedisJournalOptions, reasonOf, settle, unavailable } from './options.ts'
import { createReadings } from './reads.ts'
import { createKeeper, type Keeper } from './reconnect.ts'
import { framesOf, idOf, textOf, toCatchUp, toSize } from './replies.ts'
import { createQuestions } from './requests.ts'
import { ASK, CATCH_UP, PUBLISH, PULSE, READ, type Script } from './scripts/index.ts'

/** Messages that may wait while a new link catches up. */
const MAX_EARLY = 50_000

/** Makes a journal that looks for Redis from the moment that a hub opens it. @throws {HubError} `invalid-option` */
export function createRedisJournal(options: RedisJournalOptions): Journal {
  const { url, prefix, maxEvents, maxAgeMs, maxBytes, observer, clock, random } = settle(options)
  const tag = `{${prefix}}`
  const instance = newEpoch(clock)
  const inbox = `${tag}:to:${instance}`
  const forAll = `${tag}:all`
  const bounds = [Math.floor(maxEvents), Math.ceil(maxAgeMs), Math.floor(maxBytes)].map(String)
  const subscriptions = createSubscriptions(`${tag}:on:`)
  const readings = createReadings({
    link: () => link,
    ask: (keys, args, over) => subscriptions.settled(keys).then(() => call(READ, args, over)),
  })
  const publishing = createPublishing({ clock, store: (args) => call(PUBLISH, args) })
  const questions = createQuestions({ clock, inbox, tell, send })
  let deliver: (delivery: Delivery) => void = () => {}
  let receiver: Receiver = { missed: () => {}, answer: () => null }
  let keeper: Keeper | undefined
  /** The link that all goes through, once it has caught up. */
  let link: Link | undefined
  let opening: Link | undefined
  /** What came before it had. */
  let early: (() => void)[] = []
  let epoch = ''
  let head: Place = placeOf(instance, 0)
  const figures = { events: 0, bytes: 0, reconnects: 0 }
  const weigh = (reply: unknown) => void Object.assign(figures, toSize(reply))
  /** The newest of this epoch that is known to be stored, delivered here or not. */
  let stored = 0

  return {
    instance,
    figures,
    get ready() {
      return link !== undefined
    },
    append: publishing.append,
    relay,
    read: readings.read,
    head: () => head,
    useOnce,
    watch: subscriptions.watch,
    unwatch: subscriptions.unwatch,
    ask: (question, keepMs = 0) => questions.ask(question, keepMs),
    open,
    close,
  }

  function open(deliverTo: (delivery: Delivery) => void, hub?: Receiver): void {
    deliver = deliverTo
    if (hub) receiver = hub
    let create: typeof createClient | undefined
    keeper = createKeeper({
      clock,
      random,
      open: async (signal) => {
        // Only now, so that a runtime without sockets can hold this file, too.
        create ??= (await import('redis')).createClient
        return await openLink({ create, url, heard }, signal)
      },
      up,
      down,
      probe: (held) => void call(PULSE, [inbox], held).then(weigh, () => {}),
    })
  }

  /** Subscribes first, then asks what was missed: what comes in between waits. */
  async function up(next: Link): Promise<void> {
    early = []
    opening = next
    await subscriptions.move(next, [forAll, inbox])
    const seen = epoch === '' ? ['', '0'] : [epoch, String(head.sequence)]
    const reply = await next.run1(CATCH_UP, `${tag}:head`, [...first(next), ...seen])
    if (next.lost) return
    const { end, affects, kept } = toCatchUp(reply)
    receiver.missed(affects)
    if (epoch !== '') figures.reconnects += 1
    epoch = end.epoch
    head = placeOf(end.epoch, end.sequence)
    stored = end.sequence
    link = next
    for (const task of early.splice(0)) task()
    for (const { question, ms } of kept) receiver.answer(question, ms)
    readings.wake()
    observer?.reached?.(next.eviction)
  }

  function down(reason: Error): void {
    link = undefined
    subscriptions.leave()
    observer?.lost?.(reason)
  }

  async function relay(key: string, event: HubEvent): Promise<Reach> {
    const channel = subscriptions.channelOf(key)
    return { instances: await attempt((held) => held.publish(channel, frameText(event))) }
  }

  async function useOnce(name: string, ttlMs: number): Promise<boolean> {
    return await attempt((held) => held.take(`${tag}:once:${name}`, ttlMs))
  }

  function close(): void {
    deliver = () => {}
    keeper?.close()
    link = undefined
    readings.close()
  }

  async function call(script: Script, args: readonly string[], over?: Link): Promise<unknown> {
    const reply = await attempt(
      (held) => held.run1(script, `${tag}:head`, [...first(held), ...args]),
      over,
    )
    if (!Array.isArray(reply)) return reply
    const [itsEpoch, sequence] = reply as unknown as [string, number]
    if (itsEpoch === epoch) stored = Math.max(stored, sequence)
    else (over ?? link)?.drop(new Error('Redis has begun a new epoch.'))
    return reply
  }

  async function attempt<T>(work: (held: Link) => Promise<T>, over = link): Promise<T> {
    if (!over || over.lost) throw unavailable('can’t be reached')
    try {
      return await work(over)
    } catch (error) {
      throw unavailable(reasonOf(error))
    }
  }

  function first({ run }: Link): string[] {
    const seen = Math.max(stored, head.sequence)
    // A name of its own for each call: of two calls on their way both may have to begin an epoch.
    return [tag, run, newEpoch(clock), epoch, String(seen), ...bounds]
  }

  function heard(channel: string, message: Uint8Array): void {
    if (link) hear(channel, message)
    else if (early.length < MAX_EARLY) early.push(() => hear(channel, message))
    else opening?.drop(new Error('More came than could wait for what was missed.'))
  }

  function hear(channel: string, message: Uint8Array): void {
    const key = subscriptions.keyOf(channel)
    if (key !== undefined) for (const frame of framesOf(message)) receive(key, frame)
    else if (channel === forAll) questions.asked(textOf(message), receiver.answer)
    else inboxHas(textOf(message))
  }

  function receive(key: string, frame: Uint8Array): void {
    const id = idOf(frame)
    const place = id === undefined ? undefined : parseCursor(id)
    if (id === undefined || !place) {
      deliver({ key, frame })
      return
    }
    // Whoever has to get one that is not ahead found it, or finds it, in the journal.
    if (!inThisEpoch(place.epoch) || place.sequence <= head.sequence) return
    const entry = { id, sequence: place.sequence, frame }
    head = { id, sequence: place.sequence }
    deliver({ key, frame, entry })
  }

  function inboxHas(text: string): void {
    if (!text.startsWith('head: ')) {
      questions.answered(text)
      return
    }
    keeper?.alive()
    const place = parseCursor(text.slice(6))
    if (place && inThisEpoch(place.epoch) && place.sequence > head.sequence) {
      head = placeOf(epoch, place.sequence)
    }
  }

  function inThisEpoch(itsEpoch: string): boolean {
    if (itsEpoch === epoch) return true
    link?.drop(new Error('Redis has begun a new epoch.'))
    return false
  }

  async function tell(message: string): Promise<number> {
    const { question, keepMs } = JSON.parse(message) as { question: unknown; keepMs: number }
    const args = [forAll, message, JSON.stringify(question), String(Math.ceil(keepMs))]
    return Number(await call(ASK, args))
  }

  function send(to: string, message: string): void {
    attempt((held) => held.publish(to, message)).catch(() => {})
  }
}
