/** Older builds of the hub: commits of this repository's history, with the packages of today. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type Command, ROOT } from './process.ts'

const FOLDER = join(ROOT, 'node_modules/.cache/older')

/** Returns whether a commit can't be built: this copy of the repository is an archive or a shallow clone. */
export function isMissing(commit: string): boolean {
  const found = spawnSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: ROOT })
  return found.status !== 0
}

/** Bundles the server for Node as of a commit, unless an earlier run has; returns how to start it. */
export async function buildCommit(commit: string): Promise<Command> {
  const outfile = join(FOLDER, `${commit}.mjs`)
  if (!existsSync(outfile)) {
    mkdirSync(FOLDER, { recursive: true })
    const folder = mkdtempSync(join(FOLDER, 'sources-'))
    const input = execFileSync('git', ['archive', commit, 'src'], { cwd: ROOT, maxBuffer: 2 ** 28 })
    execFileSync('tar', ['-x', '-C', folder], { input })
    const bundle = join(folder, 'node.mjs')
    await build({
      entryPoints: [join(folder, 'src/node.ts')],
      outfile: bundle,
      bundle: true,
      packages: 'external',
      // Older versions name the package that contains this one.
      alias: { redis: '@redis/client' },
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    })
    // Renamed as a whole: another test file may start it at this moment.
    renameSync(bundle, outfile)
    rmSync(folder, { recursive: true })
  }
  return { file: process.execPath, args: [outfile] }
}
