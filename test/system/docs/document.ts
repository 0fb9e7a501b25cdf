/** Reads the pages of the documentation: tests run what their fenced blocks contain. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../support/process.ts'

/** The folder of the recipes. */
export const RECIPES = new URL('../../../docs/recipes/', import.meta.url)

/** All pages, by their path from the root. */
export const PAGES: readonly string[] = [
  ...[
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'test/bench/README.md',
    'test/faults/README.md',
    'test/mutation/README.md',
    'deploy/README.md',
    'examples/README.md',
  ],
  ...pagesIn('docs'),
  ...pagesIn('docs/recipes'),
  ...readdirSync(join(ROOT, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `examples/${name}/README.md`),
]

/** The text of a page. */
export function textOf(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

/** A fenced block. */
export interface Block {
  readonly language: string
  /** The name of the file it is, from `title=` in its first line; none if it is not a file. */
  readonly title: string | undefined
  readonly code: string
}

const FENCED = /^```(.*)\n([\s\S]*?)^```$/gm

/** The fenced blocks of a Markdown text, in their order. */
export function blocksIn(markdown: string): Block[] {
  return [...markdown.matchAll(FENCED)].map(([, info = '', code = '']) => {
    const [language = ''] = info.split(' ')
    return { language, title: / title=(\S+)$/.exec(info)?.[1], code }
  })
}

/** Code as Node runs it: the bundlers of frameworks find files without their extension. */
export function withExtensions(code: string): string {
  return code.replace(/ from '((?:\.\.?\/)+[\w/-]+)'/g, " from '$1.ts'")
}

/** The files of a recipe by name. @throws for a duplicate name */
export function filesOf(recipe: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const { title, code } of blocksIn(readFileSync(new URL(`${recipe}.md`, RECIPES), 'utf8'))) {
    if (title === undefined) continue
    if (files.has(title)) throw new Error(`${recipe}.md has two blocks with the title ${title}.`)
    files.set(title, code)
  }
  return files
}

/** The code of one file of a recipe. @throws if it is not there */
export function codeOf(recipe: string, title: string): string {
  const code = filesOf(recipe).get(title)
  if (code === undefined) throw new Error(`${recipe}.md has no block with the title ${title}.`)
  return code
}

function pagesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)
}
