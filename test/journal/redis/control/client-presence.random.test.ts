/** Random programs: clients come and go at three hubs, which are cut off, lose replies and die; each report is that of a model. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../src/core/clock.ts'
import { connectRedis, type RedisConnection } from '../../../../src/journal/redis/connection.ts'
import { createClientPresence } from '../../../../src/journal/redis/control/client-presence.ts'
import { createPresenceModel } from '../../../support/presence-model.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../../support/redis.ts'
import { newPrefix } from '../../../support/redis-journals.ts'

// No sum of the times that pass comes near these.
const TIMES = { graceMs: 10_500, deadAfterMs: 150_700 }
const NAMES = ['a', 'b', 'c']

const hub = fc.constantFrom(...NAMES)
const client = fc.constantFrom('alice', 'bob', 'carol')
const coming = { action: fc.constantFrom('connect' as const, 'disconnect' as const), hub, client }
const step = {
  come: { weight: 6, arbitrary: fc.record(coming) },
  call: { weight: 8, arbitrary: fc.record({ action: fc.constant('call' as const), hub }) },
  lose: { weight: 2, arbitrary: fc.record({ action: fc.constant('lose reply' as const), hub }) },
  pass: {
    weight: 4,
    arbitrary: fc.record({
      action: fc.constant('pass' as const),
      ms: fc.constantFrom(4_000, 13_000),
    }),
  },
  passLong: {
    weight: 3,
    arbitrary: fc.record({ action: fc.constant('pass' as const), ms: fc.constant(40_000) }),
  },
  die: { weight: 1, arbitrary: fc.record({ action: fc.constant('die' as const), hub }) },
}

type Step =
  | { action: 'connect' | 'disconnect'; hub: string; client: string }
  | { action: 'call' | 'die' | 'lose reply'; hub: string }
  | { action: 'pass'; ms: number }

/** Sets the clock of presence: milliseconds → nothing. */
const SET_CLOCK = `
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'offset', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1])
`

describe.skipIf(REDIS_IS_MISSING)('at three hubs on one Redis, whatever clients do', () => {
  let redis: RedisServer
  let connection: RedisConnection
  beforeAll(async () => {
    redis = await startRedis()
    const init = { url: redis.url, acceptEviction: false, onMessage: () => {} }
    connection = await connectRedis(init, new AbortController().signal)
  })
  afterAll(async () => {
    connection.close(new Error('The test has ended.'))
    await redis.close()
  })

  test.each([
    ['hubs die or are cut off', [step.come, step.call, step.pass, step.passLong, step.die]],
    ['replies are lost', [step.come, step.call, step.pass, step.lose]],
  ])('each is online and offline once, although %s', async (_, steps) => {
    const program = fc.array<Step>(fc.oneof(...steps), { minLength: 5, maxLength: 60 })
    await fc.assert(fc.asyncProperty(program, run), { numRuns: 500 })
  })

  async function run(program: readonly Step[]): Promise<void> {
    const tag = `{${newPrefix()}}`
    const data = `${tag}:presence`
    const setClock = { name: 'set clock', text: SET_CLOCK }
    const run = (ms: number) => connection.evalScript(setClock, data, [String(ms)])
    await redis.command('HSET', data, 'id', 'x', 'last', '0', 'quietUntil', '0')
    const model = createPresenceModel(TIMES)
    const found: string[] = []
    const expected: string[] = []
    const hubs = new Map(NAMES.map((name) => [name, createHub(name, tag, found)]))
    for (const one of program) await take(one)
    // What was lost before arrives now.
    for (const name of NAMES) await take({ action: 'call', hub: name })
    expect(sorted(found)).toEqual(sorted(expected))

    async function take(one: Step): Promise<void> {
      if (one.action === 'pass') return model.pass(one.ms)
      const own = hubs.get(one.hub)
      if (!own) return
      if (one.action === 'connect') own.connect(one.client)
      else if (one.action === 'disconnect') own.disconnect(one.client)
      else if (one.action === 'die') hubs.set(one.hub, createHub(nextOf(own.name), tag, found))
      else if (one.action === 'lose reply') await call(own, true)
      else await call(own, false)
    }

    async function call(own: TestHub, losesReply: boolean): Promise<void> {
      await run(model.now)
      expected.push(...model.call(own.name, own.connected).map((text) => `${own.name}: ${text}`))
      await own.call(losesReply)
      // As long as no reply was lost, nothing comes late.
      if (!losesReply && !program.some(({ action }) => action === 'lose reply')) {
        expect(sorted(found)).toEqual(sorted(expected))
      }
    }
  }

  interface TestHub {
    readonly name: string
    readonly connected: ReadonlySet<string>
    connect(client: string): void
    disconnect(client: string): void
    /** Calls Redis until there is nothing to do, or once if the reply is lost. */
    call(losesReply: boolean): Promise<void>
  }

  function createHub(instance: string, tag: string, found: string[]): TestHub {
    const connected = new Set<string>()
    const pending = new Set<Promise<unknown>>()
    let tick = () => {}
    let losesReply = false
    const { follow } = createClientPresence({
      tag,
      instance,
      deadAfterMs: TIMES.deadAfterMs,
      members: { alive: 1 },
      connection: () => ({ ...connection, serverId: 'same', closed: true, evalScript }),
    })
    const online = follow({
      clock: {
        ...systemClock,
        every: (_, task) => {
          tick = task
          return () => {}
        },
      },
      graceMs: TIMES.graceMs,
      isConnected: (name) => connected.has(name),
      clients: () => connected,
      count: () => ({ clients: connected.size }),
      hooks: {
        onClientOnline: (name) => found.push(`${instance}: ${name}+`),
        onClientOffline: (name) => found.push(`${instance}: ${name}-`),
        onError: () => {},
      },
    })
    return { name: instance, connected, connect, disconnect, call }

    function connect(name: string): void {
      connected.add(name)
      online.update(name)
    }

    function disconnect(name: string): void {
      connected.delete(name)
      online.update(name)
    }

    async function call(loses: boolean): Promise<void> {
      losesReply = loses
      // It calls Redis at least once in a fifteenth of the time.
      for (let ms = 0; ms <= TIMES.deadAfterMs / 15 && pending.size === 0; ms += 100) tick()
      await settled()
      // A hub that was taken for dead joins in its next call.
      if (!loses) tick()
      await settled()
    }

    async function settled(): Promise<void> {
      while (pending.size > 0) {
        await Promise.all(pending)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }

    function evalScript(...args: Parameters<RedisConnection['evalScript']>): Promise<unknown> {
      const reply = connection.evalScript(...args)
      const done = reply.finally(() => pending.delete(done))
      pending.add(done)
      return losesReply ? reply.then(() => Promise.reject(new Error('The reply is lost.'))) : reply
    }
  }
})

function nextOf(name: string): string {
  return `${name}'`
}

function sorted(texts: readonly string[]): string[] {
  return [...texts].sort()
}
