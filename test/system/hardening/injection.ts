/** Injection: no field of a request becomes a header, a frame or a property. */
import { expect, test } from 'vitest'
import { readEvents } from '../../support/reader.ts'
import { testWhere } from '../../support/where.ts'
import { exchange, expectProblem, hostOf, request } from './raw-http.ts'
import { KEY, KEYED, OPEN, type TargetPool } from './target.ts'
import { issue } from './tickets.ts'

const BREAKS = ['\r\n', '\n', '\r', '\0', '\u0085', '\r\n\r\n']
const FORGED = 'X-Forged: yes'

/** How a server handles input that imitates headers, frames or properties. */
export function injection(pool: TargetPool): void {
  const ownHttp = pool.runtime.process === 'serves'

  test('a line break in a client id, topic or event name is answered 400', async () => {
    const { url } = await pool.shared(OPEN)
    for (const br of BREAKS) {
      const name = encodeURIComponent(`a${br}${FORGED}`)
      for (const path of [`/sse?id=${name}`, `/sse?topic=${name}`, `/clients/${name}`]) {
        await expectUnforged(await fetch(url + path))
      }
      for (const path of [`/clients/${name}`, `/topics/${name}`, `/ping/${name}`]) {
        await expectUnforged(await post(url, path, { data: 1 }))
      }
      await expectUnforged(await post(url, '/broadcast', { data: 1, event: `a${br}${FORGED}` }))
    }
  })

  test('a line break in a grant is answered 400, in a ticket 401', async () => {
    const { url } = await pool.shared(KEYED)
    for (const br of BREAKS) {
      const name = `a${br}${FORGED}`
      await expectUnforged(await post(url, '/tickets', { client: name }, KEY))
      await expectUnforged(await post(url, '/tickets', { client: 'a', topics: [name] }, KEY))
      const ticket = encodeURIComponent(`${await issue(url, { client: 'a' })}${br}${FORGED}`)
      await expectProblem(await fetch(`${url}/sse?ticket=${ticket}`), 401)
    }
  })

  test('line breaks in a cursor or in data forge no frame', async () => {
    const { url } = await pool.shared(OPEN)
    const text = BREAKS.map((br) => `x${br}event: forged${br}data: forged${br}${br}`).join('')
    const query = new URLSearchParams({ id: 'ines', lastEventId: text })
    const reader = readEvents(await fetch(`${url}/sse?${query}`))
    await reader.next(({ event }) => event === 'hub:gap')
    await post(url, '/clients/ines', { data: text })
    await post(url, '/clients/ines', { data: { [text]: text }, event: 'id: 1' })
    await post(url, '/clients/ines', { data: 'last' })
    await reader.next(({ data }) => data === 'last')
    const events = reader.events.map(({ event }) => event)
    expect(events).toEqual(['hub:ready', 'hub:gap', undefined, 'id: 1', undefined])
    expect(reader.events[2]?.data).toBe(text.replaceAll(/\r\n?/g, '\n'))
    await reader.close()
  })

  testWhere(ownHttp)(
    'no header of a request is repeated in a response, whatever bytes it has',
    async () => {
      const { url } = await pool.shared(OPEN)
      const names = ['Origin', 'Last-Event-ID', 'Host', 'Cookie', 'Content-Type', 'X-Forwarded-For']
      for (const name of names) {
        const breaks = ['\n', '\r', '\0', '\x0b', '\x7f', '\xff']
        const host = name === 'Host' ? [] : [hostOf(url)]
        const responses = breaks.map((br) => {
          return exchange(url, request('GET /healthz', ...host, `${name}: a${br}${FORGED}`), 1_500)
        })
        for (const { text, status = 400 } of await Promise.all(responses)) {
          expect(text.toLowerCase()).not.toContain('x-forged')
          expect([name, status < 500]).toEqual([name, true])
        }
      }
    },
  )

  testWhere(ownHttp)(
    'a request target with bare line breaks or blanks makes no second request',
    async () => {
      const { url } = await pool.shared(OPEN)
      for (const target of ['/sse?id=a\nGET', '/sse?id=a b', '/\x00', '/a\tb', '/\xff', '/a\rb']) {
        const answer = await exchange(url, request(`GET ${target}`, hostOf(url)), 2_000)
        const { status = 400, count } = answer
        expect([target, count <= 1]).toEqual([target, true])
        // 505, because what follows the blank is no version.
        expect([target, (status >= 400 && status < 500) || status === 505]).toEqual([target, true])
      }
    },
  )

  test('JSON with a __proto__ key changes no prototype', async () => {
    const { url } = await pool.shared(OPEN)
    const polluted = '{"data":1,"__proto__":{"ephemeral":true,"polluted":1}}'
    const built = '{"data":1,"constructor":{"prototype":{"ephemeral":true,"polluted":1}}}'
    for (const body of [polluted, built]) {
      const response = await postText(url, '/broadcast', body)
      if (response.status !== 200) await expectProblem(response, 400)
      // An event that is ephemeral has no id.
      else expect(await response.json()).toHaveProperty('id')
    }
    const form = new URLSearchParams({ data: '1', __proto__: 'x', constructor: 'y' })
    await expectProblem(await fetch(`${url}/broadcast`, { method: 'POST', body: form }), 400)
    const query = '__proto__=x&__proto__[id]=bob&constructor=y&id[__proto__]=z&toString=1'
    const reader = readEvents(await fetch(`${url}/sse?id=iris&${query}`))
    const ready = await reader.next()
    expect(JSON.parse(ready.data)).toMatchObject({ client: 'iris', topics: [] })
    expect(await (await post(url, '/clients/iris', { data: 1 })).json()).toHaveProperty('id')
    await reader.close()
  })

  test('names of object properties are ordinary names', async () => {
    const { url } = await pool.shared(OPEN)
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const reader = readEvents(await fetch(`${url}/sse?id=${name}&topic=${name}`))
      await reader.next()
      for (const path of [`/clients/${name}`, `/topics/${name}`]) {
        expect(await (await post(url, path, { data: path })).json()).toMatchObject({
          connections: 1,
        })
        await reader.next(({ data }) => data === path)
      }
      await reader.close()
    }
  })

  test('JSON that is 64 deep arrives, and JSON that is 100,000 deep does no harm', async () => {
    const { url } = await pool.shared(OPEN)
    const reader = readEvents(await fetch(`${url}/sse?id=ida`))
    await reader.next()
    const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
    const sent = await postText(url, '/clients/ida', `{"data":${deep(64)}}`)
    expect(sent.status).toBe(200)
    expect((await reader.next()).data).toBe(deep(64))
    for (const depth of [10_000, 100_000]) {
      for (const body of [`{"data":${deep(depth)}}`, deep(depth)]) {
        const { status } = await postText(url, '/clients/deep', body)
        expect([depth, [200, 400, 413].includes(status)]).toEqual([depth, true])
      }
      const objects = `{"data":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`
      const { status } = await postText(url, '/clients/deep', objects)
      expect([depth, [200, 400, 413].includes(status)]).toEqual([depth, true])
    }
    expect(reader.ended).toBe(false)
    await reader.close()
  })
}

async function expectUnforged(response: Response): Promise<void> {
  expect(response.headers.has('X-Forged')).toBe(false)
  expect(await expectProblem(response, 400)).not.toContain(FORGED)
}

function post(url: string, path: string, value: unknown, key?: string): Promise<Response> {
  return postText(url, path, JSON.stringify(value), key)
}

function postText(url: string, path: string, body: string, key?: string): Promise<Response> {
  const headers = {
    'Content-Type': 'application/json',
    ...(key !== undefined && { Authorization: `Bearer ${key}` }),
  }
  return fetch(url + path, { method: 'POST', headers, body })
}
