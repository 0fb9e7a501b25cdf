/** Makes no mutants in the messages of errors: they are for people, and tests compare codes. */

const REASON = 'The message of an error is for people.'

function shouldIgnore({ node, parent }) {
  if (parent?.type !== 'NewExpression' || parent.arguments.at(-1) !== node) return undefined
  return /Error$/.test(parent.callee.name) ? REASON : undefined
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'messages', value: { shouldIgnore } }]
