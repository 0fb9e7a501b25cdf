/** Shows JSON: in colours on one line, or as a tree whose parts fold. */
import { createButton, createElement } from '../elements.ts'
import { tokensOf } from './json-tokens.ts'

/** The maximum number of members of an object or array that are shown before one asks for more. */
const MAX_MEMBERS = 100

/** Trees are open down to this depth. */
const OPEN_DEPTH = 2

/** Returns a JSON text as nodes in colours. */
export function colourJson(json: string): Node[] {
  return tokensOf(json).map(({ kind, text }) =>
    kind === 'other' ? document.createTextNode(text) : createElement('span', text, kind),
  )
}

/** Returns a value as a tree. What is folded is built when it is opened. */
export function createTree(value: unknown, label: readonly Node[] = [], depth = 0): HTMLElement {
  if (value === null || typeof value !== 'object') {
    const leaf = createElement('div', '', 'leaf')
    leaf.append(...label, ...colourJson(JSON.stringify(value)))
    return leaf
  }
  const isArray = Array.isArray(value)
  const members = Object.entries(value)
  const [open, close] = isArray ? '[]' : '{}'
  if (members.length === 0) {
    const leaf = createElement('div', '', 'leaf')
    leaf.append(...label, `${open}${close}`)
    return leaf
  }
  const node = createElement('details', '', 'node')
  const summary = createElement('summary')
  summary.append(...label, createElement('span', `${open}${members.length}${close}`, 'size'))
  const body = createElement('div')
  node.append(summary, body)
  const fill = () => {
    if (node.open && body.childElementCount === 0) more(body, members, isArray, depth)
  }
  node.addEventListener('toggle', fill)
  node.open = depth < OPEN_DEPTH
  fill()
  return node
}

function more(
  body: HTMLElement,
  members: readonly (readonly [string, unknown])[],
  isArray: boolean,
  depth: number,
): void {
  for (const [name, value] of members.slice(0, MAX_MEMBERS)) {
    const key = createElement('span', isArray ? name : JSON.stringify(name), 'key')
    body.append(createTree(value, [key, document.createTextNode(': ')], depth + 1))
  }
  const rest = members.slice(MAX_MEMBERS)
  if (rest.length === 0) return
  const button = createButton(`${rest.length.toLocaleString()} more`, 'link', () => {
    button.remove()
    more(body, rest, isArray, depth)
  })
  body.append(button)
}
