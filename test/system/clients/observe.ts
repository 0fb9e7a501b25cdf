/** Runs a client against real hubs and describes what it does, as a row of the table in the documentation. */

import { until } from '../../support/eventually.ts'
import { codeOf } from '../docs/document.ts'
import type { KnownClient } from './known-clients.ts'
import { KEY, type Line, type ObservedHub } from './observed-hub.ts'
import { type Heard, type OnEnd, runInNode, runInPage, runRecipe } from './run-client.ts'

/** The columns of the table after the client's name. */
export interface Observed {
  /** Which events it passes on: all, or those whose names the code lists. */
  readonly names: string
  /** Whether it gets what it missed, exactly once. */
  readonly resumes: string
  /** Whether it waits as long as `retry:` asks. */
  readonly retry: string
  /** Whether it does so after `hub:bye` as well. */
  readonly waits: string
  /** What it does after `hub:bye`, and at each status. */
  readonly bye: string
  readonly blocked: string
  readonly denied: string
  readonly tooMany: string
  readonly unavailable: string
  /** Whether a stream survives three seconds of silence. */
  readonly silence: string
}

/** Longer than any client waits by itself after a refusal, in milliseconds. */
const RETURN_MS = 4_500

const STATUSES = [401, 403, 429, 503] as const

/** Observes a client until the test ends. @param slug - a name for paths */
export async function observe(
  hub: ObservedHub,
  { where, code }: KnownClient,
  slug: string,
  onEnd: OnEnd,
): Promise<Observed> {
  // A recipe's program requests a ticket for each stream.
  const isRecipe = where === 'python' || where === 'go'
  const own = isRecipe ? 'quick-keyed' : 'quick'
  const main = hub.line(`${slug}-main`, own)
  const patient = hub.line(`${slug}-patient`, isRecipe ? 'patient-keyed' : 'patient')
  const blocked = hub.line(`${slug}-blocked`, own)
  const refused = STATUSES.map((status) => hub.line(`${slug}-${status}`, own, status))
  const lines = [main, patient, blocked, ...refused]
  await disconnect(blocked, '?block=60')
  const heard = await run(hub, where, code, slug, lines.map(urlOf), onEnd)

  const [statuses, blockedAgain, retry, stream] = await Promise.all([
    Promise.all(refused.map((line) => comesBack(line))),
    // A blocked client gets no ticket.
    isRecipe ? false : comesBack(blocked),
    obeysRetry(patient, heard),
    observeStream(main, heard),
  ])
  const [unauthorized, forbidden, tooMany, unavailable] = statuses.map(describe)
  if (unauthorized !== forbidden) throw new Error('401 and 403 differ.')
  return {
    ...stream,
    retry,
    blocked: describe(blockedAgain),
    denied: unauthorized ?? '',
    tooMany: tooMany ?? '',
    unavailable: unavailable ?? '',
  }
}

/** The code of each recipe. */
const RECIPES = { python: 'hub.py', go: 'hub.go' } as const

function run(
  hub: ObservedHub,
  where: KnownClient['where'],
  code: string,
  slug: string,
  urls: readonly string[],
  onEnd: OnEnd,
): Promise<Heard> {
  if (where === 'page') return runInPage(hub, slug, code, urls, onEnd)
  if (where === 'node') return runInNode(code, urls, onEnd)
  return runRecipe(where, codeOf('languages', RECIPES[where]), code, KEY, urls, onEnd)
}

/** Names, silence, a goodbye, and what was missed meanwhile. */
async function observeStream(
  line: Line,
  heard: Heard,
): Promise<Pick<Observed, 'names' | 'silence' | 'bye' | 'waits' | 'resumes'>> {
  const texts = () => heard(urlOf(line)).map(([event, data]) => `${event} ${data}`)
  const hears = (what: string) => until(`${line.base}: ${what}`, () => texts().includes(what))
  await until(`${line.base} is connected`, () => connected(line))
  await publish(line, 'foreign', 'name')
  await publish(line, 'inbox', 'one')
  await hears('inbox one')
  const names = texts().includes('foreign name') ? 'all' : 'listed'
  await sleep(3_000)
  await publish(line, 'message', 'two')
  await hears('message two')
  const silence = line.requests.length === 1 ? 'yes' : 'no'
  const before = line.requests.length
  const dismissedAt = performance.now()
  await disconnect(line)
  await publish(line, 'message', 'missed')
  const isBack = await comesBack(line, before)
  const { retryMs: byeMs } = line
  const waitedMs = (line.requests[before]?.at ?? 0) - dismissedAt
  if (isBack) await until(`${line.base} is connected again`, () => connected(line))
  await publish(line, 'message', 'last')
  if (isBack) await hears('message last')
  const missed = texts().filter((one) => one === 'message missed').length
  return {
    names,
    silence,
    bye: describe(isBack),
    waits: waitedMs >= byeMs - 50 ? 'yes' : 'no',
    resumes: missed === 1 ? 'yes' : 'no',
  }
}

/** Cuts the connection: nothing but `retry:` says how long to wait. */
async function obeysRetry(line: Line, heard: Heard): Promise<string> {
  await until(`${line.base} is connected`, () => connected(line))
  await publish(line, 'inbox', 'after retry:')
  await until(`${line.base} has read`, () => heard(urlOf(line)).some(([name]) => name === 'inbox'))
  const { retryMs } = line
  const cutAt = performance.now()
  line.cut()
  if (!(await comesBack(line, 1, retryMs + RETURN_MS))) return 'no'
  const waited = (line.requests[1]?.at ?? 0) - cutAt
  return waited >= retryMs - 50 ? 'yes' : 'no'
}

/** Whether another request arrives. @param count - the number of requests before it */
async function comesBack(line: Line, count = 1, ms = RETURN_MS): Promise<boolean> {
  await until(`${line.base} was asked`, () => line.requests.length > 0)
  const deadline = performance.now() + ms
  while (performance.now() < deadline && line.requests.length === count) await sleep(20)
  return line.requests.length > count
}

function describe(isBack: boolean): string {
  return isBack ? 'returns' : 'stops'
}

/** The URL of the stream of this path, whose client has the name of the path. */
function urlOf({ base }: Line): string {
  return `${base}/sse?id=${clientOf(base)}`
}

function clientOf(base: string): string {
  return base.slice(base.lastIndexOf('/') + 1)
}

const AS_OPERATOR = { Authorization: `Bearer ${KEY}` }

async function connected({ base, hubUrl }: Line): Promise<boolean> {
  const response = await fetch(`${hubUrl}/clients/${clientOf(base)}`, { headers: AS_OPERATOR })
  const { connections } = (await response.json()) as { connections: unknown[] }
  return connections.length === 1
}

async function disconnect({ base, hubUrl }: Line, query = ''): Promise<void> {
  const init = { method: 'DELETE', headers: AS_OPERATOR }
  await fetch(`${hubUrl}/clients/${clientOf(base)}${query}`, init)
}

async function publish({ base, hubUrl }: Line, event: string, data: string): Promise<void> {
  const response = await fetch(`${hubUrl}/clients/${clientOf(base)}`, {
    method: 'POST',
    headers: { ...AS_OPERATOR, 'Content-Type': 'application/json' },
    body: JSON.stringify(event === 'message' ? { data } : { event, data }),
  })
  if (!response.ok) throw new Error(await response.text())
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
