/** `npm run dev`: runs the hub on Node, and again after each change of its code. If a change has errors, the hub keeps running. */
import { spawn } from 'node:child_process'
import { context } from 'esbuild'

const FILE = 'node_modules/.dev/node.js'

/** Ends the running hub; undefined before the first start. */
let end
let work = Promise.resolve()

const builds = await context({
  entryPoints: ['src/node.ts'],
  outfile: FILE,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  sourcemap: 'inline',
  logLevel: 'warning',
  plugins: [{ name: 'restart', setup: (build) => build.onEnd(restart) }],
})
await builds.watch()

/** @param {import('esbuild').BuildResult} result */
function restart({ errors }) {
  if (errors.length > 0) return
  work = work.then(async () => {
    await end?.('SIGTERM')
    end = start()
  })
}

function start() {
  // Clients reconnect after a short drain: whoever edits does not want to wait.
  const env = { DRAIN_SECONDS: '1', DRAIN_DELAY_SECONDS: '0', ...process.env }
  const child = spawn(process.execPath, ['--enable-source-maps', FILE], { stdio: 'inherit', env })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  return (/** @type {NodeJS.Signals | undefined} */ signal) => {
    if (signal) child.kill(signal)
    return ended
  }
}

/** Ends both. A terminal sends Ctrl-C to both, and a second signal would cut the drain short. */
async function stop(/** @type {NodeJS.Signals | undefined} */ signal) {
  await work
  await end?.(signal)
  process.exit(0)
}

process.once('SIGINT', () => stop(process.stdin.isTTY ? undefined : 'SIGINT'))
process.once('SIGTERM', () => stop('SIGTERM'))
process.once('SIGHUP', () => stop(process.stdin.isTTY ? undefined : 'SIGHUP'))
