/** The benchmark: `npm run bench [-- --quick] [--only a,b] [--contestants a,b] [--rounds n] [--save [--as name]]`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chart } from './chart.ts'
import { fileLimit, runContest } from './contest.ts'
import { type Contestant, contestants } from './contestants.ts'
import { type Plan, plans } from './plan.ts'
import { merge, readRecord } from './record.ts'
import { type Run, rowsOf, tableOf } from './report.ts'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    /** Writes the figures and the chart that the README shows. */
    save: { type: 'boolean', default: false },
    /** The name of the files with figures and chart. */
    as: { type: 'string', default: 'bench' },
    only: { type: 'string' },
    contestants: { type: 'string' },
    rounds: { type: 'string' },
  },
})

/** Milliseconds after which a quick run starts nothing new; a run in progress still finishes. */
const QUICK_MS = 100_000
const QUICK_CONTESTANTS = ['floor', 'node', 'bun', 'deno', 'better-sse', 'nchan']
const QUICK_SCENARIOS = ['broadcast', 'burst', 'storm', 'idle']

const begun = Date.now()
const limit = await fileLimit()
const chosenPlans = choose(plans, options.only, options.quick ? QUICK_SCENARIOS : undefined)
const usual = options.quick ? QUICK_CONTESTANTS : undefined
const chosen = choose(contestants, options.contestants, usual)
const rounds = Math.min(20, Number(options.rounds ?? (options.quick ? 1 : 3)))
const runs: Run[] = []

for (let round = 1; round <= rounds; round++) {
  for (const plan of chosenPlans) {
    // Each round starts with a different contestant, so that none always gets the rested machine.
    const shift = (round * 5) % chosen.length
    for (const contestant of [...chosen.slice(shift), ...chosen.slice(0, shift)]) {
      if (takesPart(contestant, plan)) await run(round, plan, contestant)
    }
  }
}
report()

async function run(round: number, plan: Plan, contestant: Contestant): Promise<void> {
  const { name } = contestant
  const late = options.quick && Date.now() - begun > QUICK_MS
  const size = options.quick ? plan.quick : plan.full
  // Room for the runtime's own files, and for the publishers.
  const connections = Math.min(size.connections, limit - 1_000)
  const answer = late
    ? { error: 'left out: the time is up' }
    : await runContest(contestant, plan.name, { ...size, connections })
  runs.push({ round, scenario: plan.name, contestant: name, ...answer })
  const word = 'error' in answer ? answer.error : JSON.stringify(answer.figures)
  process.stderr.write(`${round}/${rounds} ${plan.name} ${name}: ${word}\n`)
}

function takesPart({ name, kind, only, protocol }: Contestant, plan: Plan): boolean {
  if (only && !only.includes(plan.name)) return false
  if (plan.contestants && !plan.contestants.includes(name)) return false
  // One instance in memory is what several on Redis are measured by.
  if (plan.name === 'cluster' && !only?.includes('cluster')) return name === 'node'
  if (plan.name === 'targeted' && !protocol.target) return false
  if (plan.name === 'publish-batch' && !protocol.batch) return false
  if (plan.name === 'replay' && !protocol.replays) return false
  if (plan.name === 'snapshot' && kind !== 'ours') return false
  return plan.name !== 'health' || kind === 'ours'
}

function choose<T extends { readonly name: string }>(
  all: readonly T[],
  wanted: string | undefined,
  usual: readonly string[] | undefined,
): readonly T[] {
  const names = wanted?.split(',') ?? usual
  const unknown = names?.find((name) => all.every((one) => one.name !== name))
  if (unknown === undefined) return names ? all.filter(({ name }) => names.includes(name)) : all
  console.error(`${unknown}? Choose of ${all.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

function report(): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`
  const date = new Date().toISOString()
  const circumstances = { date, machine, rounds, quick: options.quick }
  const scenarios = chosenPlans.map((plan) => {
    const rows = rowsOf(plan, runs, chosen)
    console.log(tableOf(plan, rows))
    const { name: scenario, title, unit, figure } = plan
    return { scenario, title, unit, figure, ...circumstances, rows }
  })
  const folder = options.save ? 'test/bench/figures' : 'node_modules/.bench/figures'
  const file = join(process.cwd(), folder, `${options.as}.json`)
  mkdirSync(join(process.cwd(), folder), { recursive: true })
  const order = plans.map(({ name }) => name)
  const older = options.save ? readRecord(file) : { scenarios: [], runs: [] }
  const record = merge(older, { scenarios, runs }, order)
  writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`)
  writeFileSync(file.replace(/json$/, 'svg'), chart(record.scenarios))
  console.log(`\n${machine}; ${rounds} rounds; figures and chart in ${folder}`)
}
