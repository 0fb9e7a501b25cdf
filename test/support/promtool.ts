/** Checks metrics with promtool, the tool of Prometheus. */
import { spawnSync } from 'node:child_process'

/** Whether tests may skip promtool: never where all tests must run. */
export const PROMTOOL_IS_MISSING: boolean =
  spawnSync('promtool', ['--version']).status !== 0 && !process.env.CI

if (PROMTOOL_IS_MISSING) console.warn('promtool is not installed: what needs it is skipped.')

/** The output of `promtool check metrics`: empty if the metrics are valid. */
export function promtoolErrors(text: string): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  if (error) throw error
  return status === 0 ? '' : `${stdout}${stderr}` || `promtool has exited with ${status}.`
}
