/** Reads the recipes: what stands in their fenced blocks is what the tests run. */
import { readFileSync } from 'node:fs'

/** The folder of the recipes. */
export const RECIPES = new URL('../../../docs/recipes/', import.meta.url)

/** A fenced block. */
export interface Block {
  /** The name of the file that it is, by `title=` in its first line; none if it is not one. */
  readonly title: string | undefined
  readonly code: string
}

const FENCED = /^```(.*)\n([\s\S]*?)^```$/gm

/** The fenced blocks of a text in Markdown, in the order in which they stand there. */
export function blocksIn(markdown: string): Block[] {
  return [...markdown.matchAll(FENCED)].map(([, info = '', code = '']) => {
    return { title: / title=(\S+)$/.exec(info)?.[1], code }
  })
}

/** The files of a recipe by their names. @throws for a name that stands there twice */
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
