/**
 * Runs a Worker in workerd, offline, on a free port of this machine. It reads what matters here from
 * wrangler.toml; wrangler itself would take three seconds of a core for each start.
 */
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'

/**
 * Starts the Worker and resolves with its URL.
 * @param {string} entrypoint - the module to run
 * @param {Record<string, string | undefined>} bindings - its variables
 * @param {string} [persist] - the folder of its objects' storage; by default, memory
 */
export async function startWorker(entrypoint, bindings, persist) {
  const config = readFileSync('wrangler.toml', 'utf8')
  const [, date = ''] = /^compatibility_date = "(.*)"/m.exec(config) ?? []
  const [, flags = ''] = /^compatibility_flags = (\[.*\])/m.exec(config) ?? []
  const worker = new Miniflare({
    // As a list, so that the bundle is not parsed for imports, which would take another second.
    modules: [{ type: 'ESModule', path: 'worker.mjs', contents: await bundle(entrypoint) }],
    compatibilityDate: date,
    compatibilityFlags: JSON.parse(flags || '[]'),
    bindings,
    durableObjects: { HUB: { className: 'Hub', useSQLite: true } },
    ...(persist && { durableObjectsPersist: persist }),
    host: '127.0.0.1',
    port: 0,
  })
  return String(await worker.ready).replace(/\/$/, '')
}

/** The Worker as one module. `redis` needs sockets that workerd lacks, and is loaded on demand only. */
async function bundle(entrypoint) {
  const { outputFiles } = await build({
    entryPoints: [entrypoint],
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
