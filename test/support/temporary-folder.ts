/** One folder for the temporary files of a whole run: processes that are killed leave theirs behind. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const PREFIX = 'hono-sse-tests-'

/** Creates it before the first test; Vitest calls what this returns after the last one. */
export function setup(): () => void {
  // Vitest calls this for each project. Chromium refuses paths that are too long for a socket.
  if (basename(tmpdir()).startsWith(PREFIX)) return () => {}
  const folder = mkdtempSync(join(tmpdir(), PREFIX))
  process.env.TMPDIR = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
