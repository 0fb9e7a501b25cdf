/** What the doctor finds: one finding for each check, for people and for scripts. */
import { type Colour, colour } from '../colour.ts'
import { visible } from '../format.ts'
import { type Remedy, remediesOf } from './remedies.ts'

/** `skipped`: it could not be checked, and `seen` says why. */
export type Outcome = 'ok' | 'warning' | 'fault' | 'skipped'

/** What a check has found. */
export interface Finding {
  /** The name of the check. */
  readonly check: string
  readonly outcome: Outcome
  /** What was seen, as one sentence. */
  readonly seen: string
  /** What mends it. */
  readonly remedy?: Remedy
  /** The exit code of a fault. @defaultValue `EXIT.refused` */
  readonly exitCode?: number
}

/** Creates a finding of a check that is fine. */
export function ok(check: string, seen: string): Finding {
  return { check, outcome: 'ok', seen }
}

/** Creates a finding of a check that was not possible. */
export function skipped(check: string, seen: string): Finding {
  return { check, outcome: 'skipped', seen }
}

/** Creates a finding of something that breaks streams. */
export function fault(check: string, seen: string, remedy?: Remedy): Finding {
  return { check, outcome: 'fault', seen, ...(remedy && { remedy }) }
}

/** Creates a finding of something that makes streams worse. */
export function warning(check: string, seen: string, remedy?: Remedy): Finding {
  return { check, outcome: 'warning', seen, ...(remedy && { remedy }) }
}

const WIDTH = 15

const COLOURS: Readonly<Record<Outcome, Colour>> = {
  ok: 'green',
  warning: 'yellow',
  fault: 'red',
  skipped: 'grey',
}

/** Formats a finding: for scripts as one line of JSON, for people with one line for each remedy. */
export function formatFinding(finding: Finding, { json }: { readonly json?: true }): string {
  const { check, outcome, seen, remedy } = finding
  const remedies = remedy && remediesOf(remedy)
  if (json) return JSON.stringify({ check, outcome, seen, remedies })
  const lines = Object.entries(remedies ?? {}).map(
    ([program, line]) => `${' '.repeat(9)}${program.padEnd(12)}${line}`,
  )
  const mark = colour(COLOURS[outcome], outcome.padEnd(9))
  return [`${mark}${check.padEnd(WIDTH)}${visible(seen)}`, ...lines].join('\n')
}
