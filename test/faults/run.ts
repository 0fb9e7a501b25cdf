/** Plays the plan of a seed, lets everything settle, and asks the oracle. */
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { seeded } from '../support/seeded-random.ts'
import { type Finding, judge, type Published, type Tab, type Verdict } from './oracle.ts'
import { FAULT_PHASE_MS, type Plan, type PublishPlan, planOf } from './plan.ts'
import { type PublishTarget, publishOne } from './publisher.ts'
import { openTab, type RunningTab } from './tab.ts'
import { createWorld, type World } from './world.ts'

/** What happened in a run. */
export interface Outcome extends Omit<Verdict, 'findings'> {
  readonly plan: Plan
  readonly findings: readonly {
    readonly kind: Finding['kind'] | 'refused' | 'stuck'
    text: string
  }[]
  /** What was sent and received. */
  readonly published: readonly Published[]
  readonly tabs: readonly Tab[]
  readonly acknowledged: number
  /** Events that may be stored or not. */
  readonly ambiguous: number
  readonly received: number
  readonly streams: number
  readonly ms: number
}

/** Requests after which publishing may end. */
const ENOUGH = 60

/** How long a tab may take until it has received an event that was sent to everyone at the end. */
const LAST_EVENT_MS = 20_000

/** Plays one run. */
export async function runSeed(seed: number): Promise<Outcome> {
  const began = performance.now()
  const plan = planOf(seed)
  const random = seeded(-seed)
  const published: Published[] = []
  const refusals: string[] = []
  const world = await createWorld(plan)
  const url = () => world.urls[Math.floor(random() * world.urls.length)]
  const agent = new Agent({ keepAlive: true })
  const target: PublishTarget = {
    agent,
    url,
    record: (one) => void published.push(one),
    reportRefusal: (text) => void refusals.push(text),
  }
  const tabs = plan.tabs.map((tab) => openTab(tab, url))
  try {
    let inFaultPhase = true
    const publishers = plan.publishers.map((events) =>
      publishAll(events, target, () => inFaultPhase),
    )
    const faults = plan.faults.map((fault) => sleep(fault.atMs).then(() => world.inject(fault)))
    await Promise.all([sleep(FAULT_PHASE_MS), ...faults])
    // On a busy machine, until there is something to judge.
    await waitUntil(() => published.length >= ENOUGH, performance.now() + FAULT_PHASE_MS)
    inFaultPhase = false
    await Promise.all(publishers)
    const stuck = await awaitLastEvent(world, tabs, target)
    const verdict = judge(published, tabs)
    const refused = [...refusals, ...tabs.flatMap((tab) => tab.refusals)]
    const sent = published.filter(({ ephemeral }) => !ephemeral)
    const acknowledged = sent.filter(({ acknowledgedAt }) => acknowledgedAt !== undefined).length
    return {
      ...verdict,
      plan,
      published,
      tabs,
      findings: [
        ...verdict.findings,
        ...stuck.map((text) => ({ kind: 'stuck' as const, text })),
        ...refused.map((text) => ({ kind: 'refused' as const, text })),
      ],
      acknowledged,
      ambiguous: sent.length - acknowledged,
      received: tabs.flatMap(({ streams }) => streams.flatMap(({ received }) => received)).length,
      streams: tabs.flatMap(({ streams }) => streams).length,
      ms: Math.round(performance.now() - began),
    }
  } finally {
    for (const tab of tabs) tab.close()
    agent.destroy()
    await world.close()
  }
}

async function publishAll(
  events: readonly PublishPlan[],
  target: PublishTarget,
  inFaultPhase: () => boolean,
): Promise<void> {
  for (const event of events) {
    while (inFaultPhase() && target.url() === undefined) await sleep(10)
    if (!inFaultPhase()) return
    await publishOne(event, target)
    await sleep(event.pauseMs)
  }
}

/** Every tab opens an honest stream, and waits there for an event to everyone. Returns which don't get it. */
async function awaitLastEvent(
  world: World,
  tabs: readonly RunningTab[],
  target: PublishTarget,
): Promise<string[]> {
  await world.recovered()
  for (const tab of tabs) tab.stayConnected()
  const deadline = performance.now() + LAST_EVENT_MS
  let waiting: readonly RunningTab[] = tabs
  while (waiting.length > 0 && performance.now() < deadline) {
    await waitUntil(() => tabs.every(({ reconnected }) => reconnected), deadline)
    let last = ''
    const record = (one: Published) => {
      last = one.data
      target.record(one)
    }
    await publishOne(LAST, { ...target, record })
    // A journal of a second may have evicted it before a tab that was sent away is back.
    await waitUntil(
      () => tabs.every((tab) => tab.hasReceived(last)),
      Math.min(deadline, performance.now() + 1_500),
    )
    waiting = tabs.filter((tab) => !tab.hasReceived(last))
  }
  return waiting.map(
    ({ client, topics }) => `${client} (${topics}) does not receive the last event`,
  )
}

const LAST: PublishPlan = { address: '*', bytes: 0, ephemeral: false, end: 'answer', pauseMs: 0 }

async function waitUntil(condition: () => boolean, deadline: number): Promise<void> {
  while (!condition() && performance.now() < deadline) await sleep(10)
}
