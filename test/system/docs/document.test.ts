/** Every recipe is run by a suite of its own. */
import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { blocksIn, codeOf, textOf as pageOf, RECIPES } from './document.ts'

const names = readdirSync(RECIPES)
  .filter((name) => name.endsWith('.md') && name !== 'README.md')
  .map((name) => name.slice(0, -3))

function textOf(name: string): string {
  return pageOf(`docs/recipes/${name}.md`)
}

test('the index links to every recipe', () => {
  const links = [...textOf('README').matchAll(/\]\((\S+)\.md\)/g)].map(([, name]) => name)
  expect(links.toSorted()).toEqual(names.toSorted())
})

describe.each(names)('%s', (name) => {
  test('has a test file of its own', () => {
    expect(existsSync(new URL(`${name}.test.ts`, import.meta.url))).toBe(true)
  })

  test('has only blocks that are files, so that its test covers them all', () => {
    const blocks = blocksIn(textOf(name))
    expect(blocks.length).toBeGreaterThan(0)
    // Two fences for each: none is left that was not read.
    expect(textOf(name).match(/^\s*(```|~~~)/gm)).toHaveLength(blocks.length * 2)
    expect(blocks.filter(({ title }) => title === undefined)).toEqual([])
  })

  test('links to recipes that exist', () => {
    const links = [...textOf(name).matchAll(/\]\((\w+)\.md\)/g)].map(([, link]) => link)
    expect(names).toEqual(expect.arrayContaining(links))
  })
})

test('a file is found by its title and returned unchanged', () => {
  const text = 'A.\n\n```ts title=a.ts\nconst a = `b`\n\na()\n```\n\n```sh\nb\n```\n'
  expect(blocksIn(text)).toEqual([
    { language: 'ts', title: 'a.ts', code: 'const a = `b`\n\na()\n' },
    { language: 'sh', title: undefined, code: 'b\n' },
  ])
})

test('a missing file is an error that names it', () => {
  expect(() => codeOf('proxies', 'apache.conf')).toThrow(
    'proxies.md has no block with the title apache.conf',
  )
})
