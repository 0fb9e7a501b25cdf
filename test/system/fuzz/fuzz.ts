/**
 * Sends arbitrary requests to hubs in every access mode, for a given time:
 * `fuzz.ts --seconds 60 --seed 1 --mode keyed --count 1000`.
 * It prints the seed that repeats the same requests, and exits with 1 on a counterexample.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { type Draft, drafts } from '../hardening/arbitraries.ts'
import { createAttackedHub, MODES } from '../hardening/invariants.ts'

/** Which requests to send, and for how long. */
export interface FuzzOptions {
  readonly seed: number
  /** Seconds after which no further round begins. */
  readonly seconds: number
  /** Requests after which no further round begins. */
  readonly count: number
  readonly modes: readonly string[]
  /** Receives progress lines. */
  say(line: string): void
}

/** A request with a wrong response. */
export interface Counterexample {
  readonly mode: string
  readonly seed: number
  readonly draft: Draft
  readonly wrong: string
}

/** The outcome of a run. */
export interface FuzzReport {
  readonly requests: number
  readonly seconds: number
  readonly counterexample?: Counterexample | undefined
}

/** Requests between two checks of the time; each round has its own hub and seed. */
const ROUND = 250

/** Runs until the time or count is used up, or a request fails. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, seconds, count, modes, say } = options
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1_000
  let requests = 0
  let reportedAt = 0
  for (let round = 0; requests < count && elapsed() < seconds; round++) {
    const mode = modes[round % modes.length] ?? 'keyed'
    const runs = Math.min(ROUND, count - requests)
    const counterexample = await playRound(mode, seed + round, runs)
    requests += runs
    if (counterexample) return { requests, seconds: elapsed(), counterexample }
    if (elapsed() - reportedAt >= 5) {
      reportedAt = elapsed()
      say(`${requests} requests, ${Math.round(requests / reportedAt)} per second`)
    }
  }
  return { requests, seconds: elapsed() }
}

async function playRound(
  mode: string,
  seed: number,
  numRuns: number,
): Promise<Counterexample | undefined> {
  const { attack, credentials } = await createAttackedHub(mode)
  let wrong = ''
  const property = fc.asyncProperty(drafts(credentials), async (draft) => {
    const found = await attack(draft)
    if (found !== undefined) wrong = found
    return found === undefined
  })
  // State left over from one request would affect the next, so the failing one is not shrunk.
  const result = await fc.check(property, { seed, numRuns, endOnFailure: true })
  const [draft] = result.counterexample ?? []
  return draft && { mode, seed, draft, wrong }
}

/** The command: reads its arguments, and reports the outcome as its exit code. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      count: { type: 'string', default: 'Infinity' },
      mode: { type: 'string', multiple: true, default: Object.keys(MODES) },
    },
  })
  const seed = Number(values.seed)
  const seconds = Number(values.seconds)
  const count = Number(values.count)
  const unknown = values.mode.filter((mode) => !(mode in MODES))
  if (!Number.isInteger(seed) || !(seconds > 0) || !(count > 0) || unknown.length > 0) {
    console.error(
      `--seed is a whole number, --seconds and --count are positive, --mode is one of ${Object.keys(MODES).join(', ')}.`,
    )
    process.exit(2)
  }
  console.log(`seed ${seed}`)
  const report = await fuzz({ seed, seconds, count, modes: values.mode, say: console.log })
  const rate = Math.round(report.requests / report.seconds)
  console.log(`${report.requests} requests in ${report.seconds.toFixed(1)} s, ${rate} per second`)
  if (!report.counterexample) return
  const { mode, seed: itsSeed, draft, wrong } = report.counterexample
  console.error(`${wrong}\n  in mode ${mode}, seed ${itsSeed}:\n  ${JSON.stringify(draft)}`)
  console.error(`Again: --mode ${mode} --seed ${itsSeed} --count ${ROUND}`)
  process.exit(1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
