/** At a terminal, a line of the log is text, whatever is logged. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { textLine } from '../../../src/server/terminal/log-line.ts'

const lineOf = (fields: object) => textLine('warning', 'it failed', fields, systemClock)

test('a line has its level, its message and its fields', () => {
  expect(lineOf({ host: '127.0.0.1', port: 80, client: 'a b', none: undefined })).toBe(
    'warning  it failed host=127.0.0.1 port=80 client="a b"',
  )
})

test('an error is shown with its stack, on the same line', () => {
  const line = lineOf({ error: new Error('no\nway') })
  expect(line).toContain('no\\nway')
  expect(line).toContain('log-line.test.ts')
  expect(line).not.toContain('\n')
})

test('neither the controls of a terminal nor a value without JSON get through', () => {
  expect(lineOf({ client: '\u001b[2J\u009b' })).toBe(
    'warning  it failed client="\\u001b[2J\\u009b"',
  )
  expect(lineOf({ bad: { toJSON: () => JSON.parse('') } })).toBe('warning  it failed bad=?')
})
