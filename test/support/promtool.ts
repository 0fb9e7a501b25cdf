/** Prometheus' own judgement on a page of metrics. */
import { spawnSync } from 'node:child_process'

/** Whether the tests may do without promtool: never where all must run. */
export const PROMTOOL_IS_MISSING: boolean =
  spawnSync('promtool', ['--version']).status !== 0 && !process.env.CI

if (PROMTOOL_IS_MISSING) console.warn('promtool is not installed: what needs it is skipped.')

/** What `promtool check metrics` has to say: nothing, if all is well. */
export function complaintsAbout(text: string): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  if (error) throw error
  return status === 0 ? '' : `${stdout}${stderr}` || `promtool has exited with ${status}.`
}
