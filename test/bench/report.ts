/** From figures to a report: medians of rounds, and ratios drawn within each round. */
import type { Contestant } from './contestants.ts'
import type { Figures, ScenarioName } from './job.ts'
import type { Plan } from './plan.ts'

/** The outcome of one run. */
export interface Run {
  readonly round: number
  readonly scenario: ScenarioName
  readonly contestant: string
  readonly figures?: Figures
  /** Why there are no figures. */
  readonly error?: string
}

/** One line of a table. */
export interface Row {
  readonly contestant: string
  readonly title: string
  readonly kind: Contestant['kind']
  /** Medians of all rounds. */
  readonly figures: Figures
  /** The plan's figure divided by the floor's of the same round: the median of the rounds. */
  readonly toFloor?: number
  /** The same against the best peer of each round. */
  readonly toBestPeer?: number
  readonly rounds: number
  readonly errors: readonly string[]
}

/** The rows of one scenario, best first. */
export function rowsOf(plan: Plan, runs: readonly Run[], all: readonly Contestant[]): Row[] {
  const own = runs.filter(({ scenario }) => scenario === plan.name)
  const peers = all.filter(({ kind }) => kind === 'peer').map(({ name }) => name)
  const rows = all.flatMap(({ name, title, kind }) => {
    const mine = own.filter(({ contestant }) => contestant === name)
    const good = mine.filter((run) => run.figures)
    const errors = [...new Set(mine.flatMap(({ error }) => error ?? []))]
    if (mine.length === 0) return []
    const row: Row = {
      contestant: name,
      title,
      kind,
      figures: medians(good.flatMap(({ figures }) => (figures ? [figures] : []))),
      ...ratio('toFloor', good, [plan.floor ?? 'floor']),
      ...ratio('toBestPeer', good, peers),
      rounds: good.length,
      errors,
    }
    return [row]
  })
  return rows.sort((a, b) => rank(a) - rank(b))

  function rank({ figures }: Row): number {
    return figures[plan.figure] ?? Number.POSITIVE_INFINITY
  }

  function ratio(key: 'toFloor' | 'toBestPeer', mine: readonly Run[], others: readonly string[]) {
    const ratios = mine.flatMap(({ round, contestant, figures }) => {
      const values = own
        .filter((run) => run.round === round && others.includes(run.contestant))
        .filter((run) => run.contestant !== contestant)
        .flatMap((run) => run.figures?.[plan.figure] ?? [])
      const best = Math.min(...values)
      const value = figures?.[plan.figure]
      return value === undefined || !Number.isFinite(best) || best <= 0 ? [] : [value / best]
    })
    return ratios.length > 0 ? { [key]: median(ratios) } : {}
  }
}

/** A table for people. */
export function tableOf(plan: Plan, rows: readonly Row[]): string {
  const head = ['', plan.unit, '× floor', '× best peer', ...plan.also, 'client busy']
  const lines = rows.map((row) => {
    const { figures, toFloor, toBestPeer, errors } = row
    if (Object.keys(figures).length === 0) return [row.contestant, `— ${errors.join('; ')}`]
    const value = (name: string) => round(figures[name])
    const busy = `${Math.round((figures.clientCpuShare ?? 0) * 100)} %`
    const shown = [value(plan.figure), round(toFloor), round(toBestPeer), ...plan.also.map(value)]
    return [row.contestant, ...shown, errors.length > 0 ? `${busy} (${errors.join('; ')})` : busy]
  })
  const full = lines.filter(({ length }) => length > 2)
  const widths = head.map((_, at) =>
    Math.max(...[head, ...full].map((line) => (line[at] ?? '').length)),
  )
  const show = (line: readonly string[]) =>
    line.map((cell, at) => (at === 0 ? cell.padEnd(16) : cell.padStart(widths[at] ?? 0))).join('  ')
  return [`\n${plan.title}`, show(head), ...lines.map(show)].join('\n')
}

/** Three significant digits. */
export function round(value: number | undefined): string {
  if (value === undefined) return '–'
  if (value >= 1_000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

function medians(all: readonly Figures[]): Figures {
  const names = [...new Set(all.flatMap((figures) => Object.keys(figures)))]
  return Object.fromEntries(
    names.map((name) => [name, median(all.flatMap((figures) => figures[name] ?? []))]),
  )
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const [low = 0, high = 0] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[half]]
  return (low + high) / 2
}
