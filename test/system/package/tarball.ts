/** The package as it would be published, and an empty project that has installed it. */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Runs a program to its end; rejects with what it said when that is not 0. */
export const runFile = promisify(execFile)

/** Milliseconds within which a package is made and installed, however busy the machine. */
export const PACK_MS = 300_000

/** The folder of package.json. */
export const ROOT: string = fileURLToPath(new URL('../../..', import.meta.url))

/** What these tests read in package.json. */
export interface Manifest {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** package.json. */
export const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest

/** The packages that npm installs with a package, unless it is told to omit some. */
export function installedWith(of: Manifest): readonly string[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = of
  const peers = Object.keys(peerDependencies).filter((name) => {
    return !of.peerDependenciesMeta?.[name]?.optional
  })
  return [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers]
}

/** A package in a file. */
export interface Tarball {
  readonly file: string
  /** The folder into which it is unpacked. */
  readonly folder: string
  /** Its files, sorted. */
  readonly files: readonly string[]
  remove(): void
}

/** Packs a copy of the house, because packing builds anew, and other tests use what is built. */
export async function pack(): Promise<Tarball> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hono-sse-package-')))
  const copy = join(folder, 'house')
  for (const name of readdirSync(ROOT)) {
    if (['node_modules', 'dist', 'coverage', '.git', '.wrangler'].includes(name)) continue
    cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  }
  symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(copy, 'node_modules'))
  await runFile('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy })
  const file = join(folder, `hono-sse-${manifest.version}.tgz`)
  await runFile('tar', ['-xzf', file, '-C', folder])
  const unpacked = join(folder, 'package')
  const files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(unpacked.length + 1))
  return {
    file,
    folder: unpacked,
    files: files.sort(),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

/**
 * Installs the package as npm would, but from what is here: only what npm installs with it can
 * be found beside it. @returns the folder of the project
 */
export function install({ folder }: Tarball): string {
  const project = join(dirname(folder), 'project')
  const modules = join(project, 'node_modules')
  const link = (name: string) => {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(realpathSync(join(ROOT, 'node_modules', name)), join(modules, name))
  }
  mkdirSync(join(modules, '.bin'), { recursive: true })
  renameSync(folder, join(modules, 'hono-sse'))
  for (const name of installedWith(manifest)) link(name)
  for (const [name, path] of Object.entries(manifest.bin)) {
    chmodSync(join(modules, 'hono-sse', path), 0o755)
    symlinkSync(join('..', 'hono-sse', path), join(modules, '.bin', name))
  }
  // What a host that compiles has, too.
  link('@types/node')
  link('undici-types')
  const dependencies = { 'hono-sse': manifest.version, hono: '*' }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', dependencies }))
  return project
}
