/** The oracle: from what was published and what each client received, it derives every broken promise. */
import { epochOf, sequenceOf } from '../support/event-id.ts'

/** An event that was sent to the hub. */
export interface Published {
  /** Unique, so that it identifies the event. */
  readonly data: string
  /** `*` for everyone, or the name of a client or a topic with `client:` or `topic:` before it. */
  readonly address: string
  readonly ephemeral: boolean
  /** When the request began and when its 200 came, in milliseconds; undefined if it may not be stored. */
  readonly startedAt: number
  readonly acknowledgedAt: number | undefined
  /** Its ids: one, or one for each object of `HUB_SHARDS`. */
  readonly ids: readonly string[]
}

/** An event as the parser dispatched it. */
export interface ReceivedEvent {
  /** The value of its own `id` field. */
  readonly id: string | undefined
  readonly event: string
  readonly data: string
  readonly at: number
}

/** One stream of a client. */
export interface RecordedStream {
  /** The `Last-Event-ID` that it was opened with. */
  readonly cursor: string | undefined
  readonly received: readonly ReceivedEvent[]
}

/** One tab: its streams do not overlap. */
export interface Tab {
  readonly client: string
  readonly topics: readonly string[]
  readonly streams: readonly RecordedStream[]
}

/** A promise that was broken. */
export interface Finding {
  readonly kind: 'lost' | 'duplicated' | 'leaked' | 'misordered' | 'misreported'
  readonly text: string
}

/** What the oracle found. */
export interface Verdict {
  readonly findings: readonly Finding[]
  /** Gaps that were reported. */
  readonly gaps: number
  /** Gaps for evicted events although this client lost none. */
  readonly needless: number
  /** Acknowledged events that a client did not receive, and was sent a gap for. */
  readonly lostWithGap: number
}

interface Gap {
  readonly requested: string
  readonly reason: string
  readonly at: number
}

/** Judges one run. The last event of every tab must be one that was published after all others. */
export function judge(published: readonly Published[], tabs: readonly Tab[]): Verdict {
  const verdicts = tabs.map((tab) => judgeTab(published, tab))
  const sum = (of: (one: Verdict) => number) => verdicts.reduce((n, one) => n + of(one), 0)
  return {
    findings: [...journalOrder(published), ...verdicts.flatMap(({ findings }) => findings)],
    gaps: sum(({ gaps }) => gaps),
    needless: sum(({ needless }) => needless),
    lostWithGap: sum(({ lostWithGap }) => lostWithGap),
  }
}

/** An event that was acknowledged before another was sent has the lower id. */
function journalOrder(published: readonly Published[]): Finding[] {
  const findings: Finding[] = []
  const latest = new Map<string, { readonly id: string; readonly startedAt: number }>()
  const all = published.flatMap((one) => one.ids.map((id) => ({ ...one, id })))
  for (const { id, startedAt, acknowledgedAt = 0 } of all.sort(byId)) {
    const before = latest.get(epochOf(id))
    if (before?.id === id) findings.push({ kind: 'duplicated', text: `${id} names two events` })
    if (before && acknowledgedAt < before.startedAt) {
      findings.push({ kind: 'misordered', text: `${id} was stored before ${before.id} was sent` })
    }
    const last = Math.max(startedAt, before?.startedAt ?? 0)
    latest.set(epochOf(id), { id, startedAt: last })
  }
  return findings
}

function judgeTab(published: readonly Published[], tab: Tab): Verdict {
  const mine = published.filter(({ address }) => isFor(address, tab))
  const all = tab.streams.flatMap(({ received }) => received)
  const gaps = all.filter(({ event }) => event === 'hub:gap').map(toGap)
  const received = new Set(all.map(({ data }) => data))
  const missing = mine.filter(({ data, ephemeral }) => !ephemeral && !received.has(data))
  const due = missing.filter((one) => one.acknowledgedAt !== undefined && isDue(one, all))
  const lost = due.filter((one) => !gaps.some((gap) => covers(gap, one)))
  const evicted = gaps.filter(({ reason }) => reason === 'evicted')
  const findings = [
    ...deliveries(tab, mine),
    ...openings(tab),
    ...lost.map((one) => toLoss(one, tab)),
  ]
  return {
    findings: findings.map(({ kind, text }) => ({ kind, text: `${tab.client}: ${text}` })),
    gaps: gaps.length,
    needless: evicted.filter((gap) => !missing.some((one) => covers(gap, one))).length,
    lostWithGap: due.length - lost.length,
  }
}

/** What it received twice, out of order, or although it was not for it. */
function deliveries({ streams }: Tab, mine: readonly Published[]): Finding[] {
  const findings: Finding[] = []
  const known = new Map(mine.map((one) => [one.data, one]))
  const seen = new Set<string>()
  let last: string | undefined
  for (const one of streams.flatMap(({ received }) => received)) {
    const { id, event, data } = one
    // After a change of epoch the journal can't tell what was received, and repeats what it keeps.
    if (event === 'hub:gap' && toGap(one).reason === 'epoch') {
      seen.clear()
      last = undefined
    }
    // Where a journal in Redis goes on in a new epoch, its sequence goes on, too.
    if (id !== undefined && last !== undefined) {
      const step = sequenceOf(id) - sequenceOf(last)
      if (step < 0 || (step === 0 && isPublished(event)))
        report('misordered', `${id} follows ${last}`)
    }
    last = id ?? last
    if (!isPublished(event)) continue
    const origin = known.get(data)
    if (!origin) report('leaked', `${id} is not for it: ${brief(data)}`)
    else if (origin.ephemeral !== (id === undefined))
      report('misreported', `${brief(data)} has id ${id}`)
    if (seen.has(data)) report('duplicated', `${id}: ${brief(data)}`)
    seen.add(data)
  }
  return findings

  function report(kind: Finding['kind'], text: string): void {
    findings.push({ kind, text })
  }
}

/** What `hub:ready` says of a stream must agree with how it was opened, and with what follows. */
function openings({ streams }: Tab): Finding[] {
  return streams.flatMap(({ cursor, received: [ready, next] }) => {
    if (!ready || ready.event === 'hub:bye') return []
    const resume = ready.event === 'hub:ready' ? resumeOf(ready) : 'nothing'
    const expected = cursor === undefined ? ['fresh'] : ['complete', 'gap']
    const followed = resume === 'gap' && next !== undefined && next.event !== 'hub:gap'
    if (expected.includes(resume) && !followed) return []
    return [{ kind: 'misreported' as const, text: `with cursor ${cursor} it is sent ${resume}` }]
  })
}

/** Whether this client should have received an event: it was sent after its first stream opened. */
function isDue({ ids, startedAt }: Published, all: readonly ReceivedEvent[]): boolean {
  const first = all.find(({ event }) => event === 'hub:ready')
  if (!first) return false
  const id = ids.find((one) => epochOf(one) === epochOf(first.id ?? ''))
  return id === undefined ? startedAt > first.at : sequenceOf(id) > sequenceOf(first.id ?? '')
}

/** A gap covers what was sent before it came, unless the client's cursor was past it. */
function covers({ requested, at }: Gap, { ids, startedAt }: Published): boolean {
  const id = ids.find((one) => epochOf(one) === epochOf(requested))
  return startedAt < at && !(id !== undefined && sequenceOf(id) <= sequenceOf(requested))
}

/** `misreported` if a resumption said `complete` and skipped the event; `lost` if a live stream did. */
function toLoss({ ids, data, acknowledgedAt = 0 }: Published, { streams }: Tab): Finding {
  const isPast = ({ id = '' }: ReceivedEvent) =>
    ids.some((one) => epochOf(one) === epochOf(id) && sequenceOf(one) < sequenceOf(id))
  const [ready] = streams.find(({ received }) => received.some(isPast))?.received ?? []
  const resumed = ready?.event === 'hub:ready' && resumeOf(ready) === 'complete'
  const kind = resumed && acknowledgedAt < ready.at ? 'misreported' : 'lost'
  return { kind, text: `${ids.join(' ')} is missing: ${brief(data)}` }
}

function isFor(address: string, { client, topics }: Tab): boolean {
  if (address === '*' || address === `client:${client}`) return true
  return address.startsWith('topic:') && topics.some((name) => reaches(name, address.slice(6)))
}

/** Whether what follows this name receives events for a topic. It is written anew, as the hub's own might be wrong. */
function reaches(name: string, topic: string): boolean {
  const levels = name.split('/')
  const wild = levels.at(-1)
  if (wild !== '*' && wild !== '**') return name === topic
  const parent = levels.slice(0, -1)
  const below = topic.split('/').slice(parent.length)
  const isBelow = parent.join('/') === topic.split('/').slice(0, parent.length).join('/')
  return isBelow && (wild === '*' ? below.length === 1 : below.length > 0)
}

function isPublished(event: string): boolean {
  return !event.startsWith('hub:') && event !== 'time'
}

function toGap({ data, at }: ReceivedEvent): Gap {
  return { ...(JSON.parse(data) as Omit<Gap, 'at'>), at }
}

function resumeOf({ data }: ReceivedEvent): string {
  return (JSON.parse(data) as { resume: string }).resume
}

function brief(data: string): string {
  return data.slice(0, 40)
}

function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return sequenceOf(one.id) - sequenceOf(other.id)
}
