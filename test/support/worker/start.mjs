/**
 * Runs a Worker in workerd, offline, on a free port of this machine. It reads what matters here from
 * wrangler.toml; wrangler or Miniflare would take a second or more of a core for each start.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import workerd from 'workerd'

/**
 * Starts the Worker and resolves with its URL. It ends with this process.
 * @param {string} entrypoint - the module to run
 * @param {Record<string, string | undefined>} variables - its bindings
 * @param {string} [persist] - the folder of its objects' storage; by default, one of its own
 */
export async function startWorker(entrypoint, variables, persist) {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-worker-'))
  const disk = persist ?? join(folder, 'disk')
  mkdirSync(disk, { recursive: true })
  writeFileSync(join(folder, 'worker.mjs'), await bundle(entrypoint))
  writeFileSync(join(folder, 'config.capnp'), configOf(Object.keys(variables), disk))
  const args = ['serve', 'config.capnp', '--control-fd=3']
  const stdio = ['ignore', 'inherit', 'inherit', 'pipe']
  const child = spawn(workerd.default, args, {
    cwd: folder,
    env: { ...process.env, ...variables },
    stdio,
  })
  process.once('exit', () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  for await (const line of createInterface({ input: child.stdio[3] })) {
    const { event, port } = JSON.parse(line)
    if (event !== 'listen') continue
    // It has read its files; this process may be killed before it can remove them.
    if (persist) rmSync(folder, { recursive: true })
    else for (const file of ['worker.mjs', 'config.capnp']) rmSync(join(folder, file))
    return `http://127.0.0.1:${port}`
  }
  throw new Error('workerd did not start.')
}

/** The Worker as one module. `redis` needs sockets that workerd lacks, and is loaded on demand only. */
async function bundle(entrypoint) {
  const contents = `
    import worker from './${entrypoint}'
    export * from './${entrypoint}'
    // Cloudflare's edge sets this header.
    export default {
      fetch(request, ...others) {
        const headers = new Headers(request.headers)
        headers.set('CF-Connecting-IP', request.cf.clientIp.replace(/:[0-9]+$/, ''))
        return worker.fetch(new Request(request, { headers }), ...others)
      },
    }`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: process.cwd() },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'error',
  })
  return outputFiles[0].text
}

/** The configuration of workerd, in the text form of Cap'n Proto. */
function configOf(names, disk) {
  const wrangler = readFileSync('wrangler.toml', 'utf8')
  const [, date = ''] = /^compatibility_date = "(.*)"/m.exec(wrangler) ?? []
  const [, flags = '[]'] = /^compatibility_flags = (\[.*\])/m.exec(wrangler) ?? []
  const variables = names.map((name) => `(name = "${name}", fromEnvironment = "${name}"),`)
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "hub", worker = .hub),
    (name = "disk", disk = (path = ${JSON.stringify(disk)}, writable = true)),
    # Webhooks go to receivers on this machine.
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "hub")],
);
const hub :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "${date}",
  compatibilityFlags = ${flags},
  bindings = [
    ${variables.join('\n    ')}
    (name = "HUB", durableObjectNamespace = "Hub"),
  ],
  durableObjectNamespaces = [(className = "Hub", uniqueKey = "hono-sse-Hub", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
);
`
}
