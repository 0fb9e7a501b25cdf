/** Splits JSON into tokens, so that each kind can have its colour. */

/** A part of a JSON text. */
export interface Token {
  readonly kind: 'key' | 'string' | 'number' | 'literal' | 'other'
  readonly text: string
}

const TOKEN =
  /(?<string>"(?:[^"\\]|\\.)*")(?<colon>\s*:)?|(?<literal>\b(?:true|false|null)\b)|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g

/** Returns the object or array that a text contains; undefined for anything else. */
export function parseStructure(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text) as object
  } catch {
    return undefined
  }
}

/** Splits a JSON text, which may be cut off at its end. All tokens together are the text. */
export function tokensOf(json: string): Token[] {
  const tokens: Token[] = []
  let end = 0
  for (const { 0: all, index, groups = {} } of json.matchAll(TOKEN)) {
    const { string, colon, literal } = groups
    if (index > end) tokens.push({ kind: 'other', text: json.slice(end, index) })
    if (string === undefined) tokens.push({ kind: literal ? 'literal' : 'number', text: all })
    else tokens.push({ kind: colon === undefined ? 'string' : 'key', text: string })
    if (colon) tokens.push({ kind: 'other', text: colon })
    end = index + all.length
  }
  if (end < json.length) tokens.push({ kind: 'other', text: json.slice(end) })
  return tokens
}
