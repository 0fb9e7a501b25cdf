/** A production install stays small: the package, and everything that npm installs with it. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installedWith, type Manifest, PACK_MS, pack, ROOT, type Tarball } from './tarball.ts'

/** Bytes in blocks of a disk, as `du` counts them. */
const MAX_BYTES = 15 * 2 ** 20
const BLOCK_BYTES = 4_096

let tarball: Tarball
beforeAll(async () => {
  tarball = await pack()
}, PACK_MS)
afterAll(() => tarball.remove())

test('a production install takes at most 15 MB on a disk', () => {
  const folders = new Map([['hono-sse', tarball.folder]])
  add(tarball.folder, ROOT)
  const sizes = [...folders].map(([name, folder]) => [name, bytesIn(folder)] as const)
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  const list = sizes.sort(([, one], [, other]) => other - one).map((size) => size.join(' '))
  expect(folders.size).toBeGreaterThan(5)
  expect(total, list.join(', ')).toBeLessThanOrEqual(MAX_BYTES)

  /** Adds what a package needs, from where Node would find it. */
  function add(folder: string, from: string): void {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    for (const name of installedWith(manifest)) {
      const found = find(name, from)
      if ([...folders.values()].includes(found)) continue
      folders.set(found.slice(ROOT.length), found)
      add(found, found)
    }
  }
})

function find(name: string, from: string): string {
  const folder = join(from, 'node_modules', name)
  if (existsSync(folder)) return realpathSync(folder)
  if (dirname(from) === from) throw new Error(`${name} is not installed.`)
  return find(name, dirname(from))
}

function bytesIn(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { size } = statSync(join(entry.parentPath, entry.name))
    bytes += Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
  }
  return bytes
}
