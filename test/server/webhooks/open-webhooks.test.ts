/** What the log and the metrics of a server say about its webhooks. */
import { beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import {
  openWebhooks,
  webhookLogger,
  webhookMetrics,
} from '../../../src/server/webhooks/open-webhooks.ts'
import { manualClock } from '../../support/clock.ts'

let clock = manualClock()
let lines: string[] = []

beforeEach(() => {
  clock = manualClock()
  lines = []
})

function logger() {
  const to = (level: string) => (message: string, fields?: object) => {
    lines.push(`${level}: ${[message, ...Object.values(fields ?? {})].join(' · ')}`)
  }
  const log = { debug: to('debug'), info: to('info'), warn: to('warning'), error: to('error') }
  return webhookLogger(log, clock)
}

describe('the log', () => {
  test('names the first failure of a minute, and when webhooks are accepted again', async () => {
    const { failed, recovered } = logger()
    failed?.(new Error('the receiver answered 500'))
    failed?.(new Error('the receiver answered 502'))
    recovered?.()
    recovered?.()
    await clock.advance(60_000)
    failed?.(new Error('the receiver answered 503'))
    expect(lines).toEqual([
      'warning: a webhook failed, and is sent again: the receiver must answer with 2xx · the receiver answered 500',
      'debug: a webhook failed · the receiver answered 502',
      'info: webhooks are accepted again',
      'warning: a webhook failed, and is sent again: the receiver must answer with 2xx · the receiver answered 503',
    ])
  })

  test('counts dropped webhooks in one line per minute, and what is left at the end', async () => {
    const { dropped } = logger()
    for (let n = 0; n < 1_000; n++) dropped?.(1, 'full')
    await clock.advance(60_000)
    dropped?.(1, 'expired')
    dropped?.(1, 'full')
    dropped?.(7, 'closed')
    expect(lines.map((line) => line.replace(/^.* knows · /, ''))).toEqual([
      '1 · full',
      '1000 · expired',
      '8 · closed',
    ])
  })

  test('says once that the receiver is gone', () => {
    const { dropped } = logger()
    for (let n = 0; n < 3; n++) dropped?.(1, 'gone')
    expect(lines).toEqual([
      'error: the receiver of webhooks answered 410: none is sent until the server is restarted',
    ])
  })
})

test('without WEBHOOK_URL there are no webhooks', () => {
  expect(openWebhooks(readConfig({}), {} as never, clock)).toBeUndefined()
})

test('metrics count what became of webhooks', () => {
  const stats = { delivered: 4, replaced: 3, dropped: 2, retries: 1, waiting: 5 }
  const samples = webhookMetrics({ stats }).match(/^[^#].*$/gm)
  expect(samples).toEqual([
    'hono_sse_webhooks_total{result="delivered"} 4',
    'hono_sse_webhooks_total{result="replaced"} 3',
    'hono_sse_webhooks_total{result="dropped"} 2',
    'hono_sse_webhook_retries_total 1',
    'hono_sse_webhooks_waiting 5',
  ])
})
