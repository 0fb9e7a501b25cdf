/** The saved figures: a run replaces those of the scenarios that it measured, and keeps the others. */
import { existsSync, readFileSync } from 'node:fs'
import type { Charted } from './chart.ts'
import type { ScenarioName } from './job.ts'
import type { Run } from './report.ts'

/** When, where and how something was measured. */
export interface Circumstances {
  readonly date: string
  readonly machine: string
  readonly rounds: number
  readonly quick: boolean
}

/** The figures of one scenario. */
export interface Measured extends Charted, Circumstances {}

/** A file of figures. */
export interface FigureFile {
  readonly scenarios: readonly Measured[]
  readonly runs: readonly Run[]
}

/** Reads a record, which is empty if there is none. In older ones, all scenarios have the circumstances of the file. */
export function readRecord(file: string): FigureFile {
  if (!existsSync(file)) return { scenarios: [], runs: [] }
  const { scenarios, runs, ...all } = JSON.parse(readFileSync(file, 'utf8')) as FigureFile
  return { scenarios: scenarios.map((one) => ({ ...all, ...one })), runs }
}

/** Merges two records. A scenario of which the newer one has no figures keeps those of the older one. */
export function merge(
  older: FigureFile,
  newer: FigureFile,
  order: readonly ScenarioName[],
): FigureFile {
  const measured = newer.scenarios.filter(({ rows }) => rows.some((row) => row.rounds > 0))
  const names = new Set(measured.map(({ scenario }) => scenario))
  const kept = <T extends { readonly scenario: ScenarioName }>(all: readonly T[]) =>
    all.filter(({ scenario }) => !names.has(scenario))
  const scenarios = [...kept(older.scenarios), ...measured]
  scenarios.sort((one, other) => order.indexOf(one.scenario) - order.indexOf(other.scenario))
  const runs = newer.runs.filter(({ scenario }) => names.has(scenario))
  return { scenarios, runs: [...kept(older.runs), ...runs] }
}
