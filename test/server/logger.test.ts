/** Each line of the log is one JSON object, whatever is logged. */
import { expect, test } from 'vitest'
import { type Logger, openLog } from '../../src/server/logger.ts'

/** What a log at this level writes. */
function written(level: Parameters<typeof openLog>[0], write: (log: Logger) => void): string[] {
  const lines: string[] = []
  const push = (line: string) => void lines.push(line)
  write(openLog(level, { push, flush: async () => {} }))
  return lines
}

function only(fields: Record<string, unknown>): Record<string, unknown> {
  const [line = '', ...others] = written('info', ({ error }) => error('it failed', fields))
  expect(others).toEqual([])
  expect(line.slice(0, -1)).not.toMatch(/[\n\u007f-\u009f\u2028]/)
  return JSON.parse(line) as Record<string, unknown>
}

test('a line has a time, its level, its message and its fields', () => {
  expect(only({ client: 'alice' })).toEqual({
    '@timestamp': expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    level: 'ERROR',
    message: 'it failed',
    logger: 'hono-sse',
    client: 'alice',
  })
})

test('lines below the level are not written', () => {
  const lines = written('warning', (log) => {
    log.debug('no')
    log.info('no')
    log.warn('yes')
    log.error('yes')
    log.fatal('yes')
    expect(log.isEnabledFor('info')).toBe(false)
    expect(log.isEnabledFor('error')).toBe(true)
  })
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(['WARN', 'ERROR', 'FATAL'])
})

test('an error is written with its stack, its code, its cause and its errors', () => {
  const cause = Object.assign(new TypeError('refused'), { code: 'ECONNREFUSED' })
  const error = new AggregateError([new Error('one')], 'all failed', { cause })
  expect(only({ error }).error).toMatchObject({
    name: 'AggregateError',
    message: 'all failed',
    stack: expect.stringContaining('logger.test.ts'),
    cause: { name: 'TypeError', message: 'refused', code: 'ECONNREFUSED' },
    errors: [{ message: 'one' }],
  })
})

test('an error that contains itself ends there', () => {
  const error = new Error('round')
  error.cause = error
  expect(only({ error }).error).toMatchObject({ message: 'round', cause: 'Error: round' })
})

test('control characters are escaped', () => {
  const client = '\u009b31m\u007f\u2028\n\u0000'
  expect(only({ client })).toMatchObject({ client })
})

test.each([
  ['a cycle', () => ({ value: cyclic() })],
  ['a getter that throws', () => ({ value: throwing() })],
  ['a big integer', () => ({ value: 1n })],
  ['a symbol and a function', () => ({ value: Symbol('x'), call: () => {} })],
])('%s costs at most the fields', (_, fields) => {
  expect(only(fields())).toMatchObject({ level: 'ERROR', message: 'it failed' })
})

function cyclic(): object {
  const one: Record<string, unknown> = {}
  one.self = one
  return one
}

function throwing(): object {
  return {
    get x(): never {
      throw new Error('no')
    },
  }
}
