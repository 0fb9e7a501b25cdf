/** What `curl -d` sends as a form, although it is none, is understood, or refused with the command that publishes it. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { createAppHarness, form, problemIn } from '../../support/app-harness.ts'

const URL = 'http://localhost:3020/broadcast'

async function refusalOf(body: string, headers: Record<string, string> = {}): Promise<string> {
  const { app } = createAppHarness()
  const sent = form(body)
  const init = { ...sent, headers: { ...(sent.headers as Record<string, string>), ...headers } }
  const response = await app.request(URL, init)
  expect(response.status).toBe(400)
  return (await problemIn(response)).detail
}

test.each([
  ['{"data":1}', '1'],
  ['{"data":"a=b&c%20d+e"}', 'a=b&c%20d+e'],
])('JSON in a form is understood: %s', async (body, data) => {
  const { request, listen } = createAppHarness()
  const reader = await listen('/sse')
  expect((await request('/broadcast', form(body))).status).toBe(200)
  expect((await reader.next()).data).toBe(data)
})

test.each([
  ['hello', 'hello'],
  ['123', '123'],
  ['hello world', 'hello+world'],
  ['it’s=1 & more', 'it%E2%80%99s%3D1+%26+more'],
  ['{"data":', '%7B%22data%22%3A'],
])('text in a form is refused with the command to type: %s', async (body, word) => {
  expect(await refusalOf(body)).toMatch(` curl -d data=${word} ${URL}`)
})

test('the command publishes the text, in any shell, also when it is copied from JSON', async () => {
  for (const body of ['a b', "'; echo no; '", '$HOME `id` "x" \\', '* ? [a] !x ~', 'a+b%20=é']) {
    const detail = await refusalOf(body)
    const command = detail.slice(detail.indexOf('curl'))
    expect(JSON.stringify(command)).toBe(`"${command}"`)
    const script = `curl() { printf '%s\\n' "$@"; }\n${command}`
    const [, sent = '', url] = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\n')
    expect(new URLSearchParams(sent).get('data')).toBe(body)
    expect(url).toBe(URL)
  }
})

test('the command sends a key if the request did, and does not repeat it', async () => {
  const detail = await refusalOf('hello', { Authorization: 'Bearer a-secret-0123456789' })
  expect(detail).toContain(`curl --oauth2-bearer $PUBLISH_KEY -d data=hello ${URL}`)
  expect(detail).not.toContain('a-secret')
})

test.each(['event=inbox', 'ephemeral=true', ''])(
  '%j is a form of an event without data',
  async (body) => {
    expect(await refusalOf(body)).toBe('json.data is missing: send it, even if it is null.')
  },
)

test('JSON in a form without data is refused as JSON is', async () => {
  expect(await refusalOf('{"unread":3}')).toMatch(/^json.data is missing.*unread/)
})

test('a long text is not repeated', async () => {
  expect((await refusalOf('a b'.repeat(100_000))).length).toBeLessThan(200)
})
