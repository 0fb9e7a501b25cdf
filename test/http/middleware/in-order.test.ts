/** Handlers that run as one behave as they do in Hono. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { expect, test } from 'vitest'
import { inOrder } from '../../../src/http/middleware/in-order.ts'

const answer = (error: unknown, c: Context) => c.text(`answered: ${error}`, 500)

async function respond(...handlers: MiddlewareHandler[]): Promise<string> {
  const app = new Hono().get('/', async (c, next) => {
    await inOrder(handlers, answer)(c, next)
    return c.res
  })
  const response = await app.request('/')
  return `${response.status} ${await response.text()} ${response.headers.get('X-After')}`
}

const after: MiddlewareHandler = async (c, next) => {
  await next()
  c.header('X-After', String(c.error ?? 'no error'))
}

test('the first handler that returns a response answers, and those before it continue', async () => {
  const never: MiddlewareHandler = async (c) => c.text('never')
  expect(await respond(after, async (c) => c.text('one'), never)).toBe('200 one no error')
})

test('a handler need not wait', async () => {
  const now = ((c: Context) => c.text('now')) as unknown as MiddlewareHandler
  expect(await respond(after, (_, next) => next(), now)).toBe('200 now no error')
})

test.each<[string, MiddlewareHandler]>([
  [
    'at once',
    () => {
      throw new Error('broken')
    },
  ],
  ['later', () => Promise.reject(new Error('broken'))],
])('what a handler throws %s is answered before those before it continue', async (_, broken) => {
  expect(await respond(after, (_, next) => next(), broken)).toBe(
    '500 answered: Error: broken Error: broken',
  )
})

test('what is thrown and no error is answered, too', async () => {
  expect(await respond(after, () => Promise.reject('broken'))).toBe('500 answered: broken no error')
})

test('without a response, the next handler of the app answers', async () => {
  const app = new Hono()
    .get('/', (c, next) => inOrder([after], answer)(c, next) as Promise<void>)
    .get('/', (c) => c.text('next'))
  const response = await app.request('/')
  expect(await response.text()).toBe('next')
  expect(response.headers.get('X-After')).toBe('no error')
})
