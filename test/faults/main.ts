/**
 * Plays runs and prints what happened: `npm run test:faults -- --from 1 --count 200 --jobs 3`, or `--seed 123` for
 * one with its plan. It exits with 1 if a promise was broken.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CELLS, nameOf } from './plan.ts'
import { type Outcome, runSeed } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '28' },
    jobs: { type: 'string', default: '3' },
    step: { type: 'string', default: '1' },
  },
})

const step = Number(values.step)
const seeds = values.seed
  ? [Number(values.seed)]
  : Array.from({ length: Number(values.count) }, (_, n) => Number(values.from) + n * step)
const outcomes: Outcome[] = []
const failed: number[] = []
const queue = [...seeds]

// Servers end with this process, but only if it exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await Promise.all(Array.from({ length: Number(values.jobs) }, work))
console.log(tableOf(outcomes))
console.log(failed.length === 0 ? 'No promise was broken.' : `Failed seeds: ${failed.join(' ')}`)
process.exit(failed.length === 0 ? 0 : 1)

async function work(): Promise<void> {
  for (let seed = queue.shift(); seed !== undefined; seed = queue.shift()) await report(seed)
}

async function report(seed: number): Promise<void> {
  try {
    const outcome = await runSeed(seed)
    outcomes.push(outcome)
    const { plan, findings, ms, acknowledged, received, gaps, needless } = outcome
    const faults = plan.faults.map(({ kind }) => kind).join(', ') || 'no fault'
    console.log(
      `seed ${seed}: ${nameOf(plan.cell)}; ${faults}; ${acknowledged} acknowledged, ${received} received, ${gaps} gaps (${needless} needless), ${ms} ms`,
    )
    for (const { kind, text } of findings.slice(0, 10)) console.log(`  ${kind}: ${text}`)
    if (findings.length === 0) return
    failed.push(seed)
    const file = join(tmpdir(), `hono-sse-faults-${seed}.json`)
    writeFileSync(file, JSON.stringify(outcome, undefined, 1))
    console.log(`  What was planned, sent and received is in ${file}.`)
  } catch (error) {
    console.log(`seed ${seed}: ${error}`)
    failed.push(seed)
  }
}

/** One line for each cell, as Markdown. */
function tableOf(all: readonly Outcome[]): string {
  const rows = CELLS.map((cell) => {
    const own = all.filter(({ plan }) => plan.cell === cell)
    const sum = (of: (one: Outcome) => number) => own.reduce((total, one) => total + of(one), 0)
    const counts = [
      own.length,
      sum(({ acknowledged }) => acknowledged),
      sum(({ ambiguous }) => ambiguous),
      sum(({ streams }) => streams),
      sum(({ received }) => received),
      sum(({ gaps }) => gaps),
      sum(({ needless }) => needless),
      sum(({ lostWithGap }) => lostWithGap),
      sum(({ findings }) => findings.length),
    ]
    return `| ${nameOf(cell)} | ${counts.join(' | ')} |`
  })
  return [
    '| runtime, opener, journal | runs | acknowledged | ambiguous | streams | received | gaps | needless | lost with a gap | broken promises |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}
