/** An example in a folder of its own, with the packed package and nothing but its dependencies. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { until } from '../../support/eventually.ts'
import { type Process, type Server, startProcess } from '../../support/process.ts'
import { install, type Manifest, pack, ROOT, runFile } from '../package/tarball.ts'

/** The folder of the examples. */
export const EXAMPLES: string = join(ROOT, 'examples')

/** The names of all examples. */
export const names: readonly string[] = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

/** The package.json of an example. */
export function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(EXAMPLES, name, 'package.json'), 'utf8')) as Manifest
}

/** The code of an example that is not markup or style. */
export function codeOf(name: string): readonly string[] {
  return readdirSync(join(EXAMPLES, name), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.js') && !path.includes('node_modules'))
    .map((path) => readFileSync(join(EXAMPLES, name, path), 'utf8'))
}

/** The examples, installed. */
export interface InstalledExamples {
  /** Checks the types of an example as strictly as an editor can. @throws for a mistake, with what tsc says */
  check(name: string): Promise<void>
  /** Starts an example with `npm start`. */
  start(name: string): Promise<Server>
  remove(): Promise<void>
}

/** Installs each example as npm would, but offline: it finds only the dependencies that it names. */
export async function installExamples(): Promise<InstalledExamples> {
  const tarball = await pack()
  const packed = join(install(tarball), 'node_modules/hono-sse')
  const folder = mkdtempSync(join(dirname(tarball.file), 'examples-'))
  const servers: Process[] = []
  for (const name of names) {
    cpSync(join(EXAMPLES, name), join(folder, name), {
      recursive: true,
      filter: (path) => !path.endsWith('node_modules'),
    })
    for (const dependency of Object.keys(manifestOf(name).dependencies ?? {})) {
      const link = join(folder, name, 'node_modules', dependency)
      mkdirSync(dirname(link), { recursive: true })
      const target = join(ROOT, 'node_modules', dependency)
      symlinkSync(dependency === 'hono-sse' ? packed : target, link)
    }
  }
  return {
    check: async (name) => {
      const options = [
        '--ignoreConfig',
        '--noEmit',
        '--allowJs',
        '--checkJs',
        '--strict',
        '--skipLibCheck',
      ]
      const target = [
        '--target',
        'es2023',
        '--module',
        'nodenext',
        '--lib',
        'ES2024,DOM,DOM.Iterable',
      ]
      const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')]
      const files = ['server.js', 'public/page.js'].map((file) => join(folder, name, file))
      const tsc = join(ROOT, 'node_modules/.bin/tsc')
      await runFile(tsc, [...options, ...target, ...types, ...files]).catch(({ stdout }) => {
        throw new Error(stdout)
      })
    },
    start: async (name) => {
      const args = ['-c', 'cd "$0" && exec npm start', join(folder, name)]
      const server = startProcess({ file: 'sh', args }, { npm_config_update_notifier: 'false' })
      servers.push(server)
      const urlOf = () => server.lines.find((line) => line.startsWith('http://'))
      await until(`${name} listens`, () => urlOf() !== undefined)
      return Object.assign(server, { url: urlOf() ?? '' })
    },
    remove: async () => {
      for (const server of servers) await server.kill()
      tarball.remove()
    },
  }
}
