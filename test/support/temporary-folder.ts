/** One folder for the temporary files of a whole run: processes that are killed leave theirs behind. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Creates it before the first test; Vitest calls what this returns after the last one. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-tests-'))
  process.env.TMPDIR = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
