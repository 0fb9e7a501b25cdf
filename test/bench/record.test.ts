/** Saved figures: a scenario that was not run keeps its older ones. */
import { expect, test } from 'vitest'
import type { ScenarioName } from './job.ts'
import { type Measured, merge } from './record.ts'

const ORDER: readonly ScenarioName[] = ['broadcast', 'burst', 'idle']

function record(date: string, ...scenarios: ScenarioName[]) {
  return recordOf(date, scenarios, 1)
}

function recordOf(date: string, names: readonly ScenarioName[], rounds: number) {
  const row = { contestant: 'node', title: '', kind: 'ours' as const, figures: {}, errors: [] }
  const scenarios = names.map((scenario): Measured => {
    const rows = [{ ...row, rounds }]
    const circumstances = { date, machine: '', rounds, quick: false }
    return { scenario, title: '', unit: '', figure: '', rows, ...circumstances }
  })
  const runs = names.map((scenario) => ({ round: 1, scenario, contestant: `node ${date}` }))
  return { scenarios, runs }
}

const dates = (scenarios: readonly Measured[]) =>
  Object.fromEntries(scenarios.map(({ scenario, date }) => [scenario, date]))

test('a scenario that was run replaces its figures and runs; the others keep their date', () => {
  const merged = merge(record('old', 'broadcast', 'idle'), record('new', 'idle', 'burst'), ORDER)
  expect(dates(merged.scenarios)).toEqual({ broadcast: 'old', burst: 'new', idle: 'new' })
  expect(merged.scenarios.map(({ scenario }) => scenario)).toEqual(ORDER)
  const runs = merged.runs.map(({ scenario, contestant }) => `${scenario}: ${contestant}`)
  expect(runs).toEqual(['broadcast: node old', 'idle: node new', 'burst: node new'])
})

test('a scenario that failed everywhere keeps its older figures', () => {
  const merged = merge(record('old', 'idle'), recordOf('new', ['idle'], 0), ORDER)
  expect(dates(merged.scenarios)).toEqual({ idle: 'old' })
})
