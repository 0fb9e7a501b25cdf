/** What Prometheus and Grafana are given: loaded into a real Prometheus that scrapes a real hub; Grafana is not run. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createProcessMetrics } from '../../../src/server/process/process-metrics.ts'
import { manualClock } from '../../support/clock.ts'
import { until } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { startProcess, startServer } from '../../support/process.ts'
import { PROMTOOL_IS_MISSING } from '../../support/promtool.ts'
import { COMMANDS } from '../../support/runtimes.ts'

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly query: string | { query: string } }[] }
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[]
}

/** What Prometheus' HTTP interface returns. */
interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: {
    readonly result?: readonly { readonly value: readonly [number, string] }[]
    readonly groups?: readonly { readonly rules: readonly object[] }[]
  }
}

const DASHBOARD: Dashboard = JSON.parse(readFileSync('deploy/dashboard.json', 'utf8'))
const ALERTS = readFileSync('deploy/alerts.yml', 'utf8')
const QUERIES = DASHBOARD.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
const METRICS_KEY = 'a-metrics-key-of-the-tests'

/** The metrics of a server. */
async function exported(): Promise<string[]> {
  const metrics = createProcessMetrics({
    clock: manualClock(),
    openFiles: () => ({ open: 1, max: 2 }),
  })
  const app = createApp({ hub: createHub(), access: 'anyone', metrics })
  // Only counted once there is an error.
  await app.request('/nowhere')
  const text = await (await app.request('/metrics')).text()
  const names = [...text.matchAll(/^# TYPE (\w+) (\w+)/gm)].map(([, name = '', type]) =>
    type === 'histogram' ? `${name}_bucket` : name,
  )
  // Only with Redis, only with shards, only with workers, and only with webhooks.
  const others = ['journal_reconnects_total', 'shard_up', 'worker_up', 'webhooks_total']
  return [...names, ...others.map((name) => `hono_sse_${name}`)]
}

const metricsIn = (text: string) => text.match(/\b(?:hono_sse|process)_\w+/g) ?? []

test.each([
  ['the dashboard', QUERIES],
  ['its variables', DASHBOARD.templating.list.map(({ query }) => JSON.stringify(query))],
  ['the alerts', [...ALERTS.matchAll(/^ {8}expr:[\s\S]*?(?=^ {8}for:)/gm)].map(([text]) => text)],
])('%s name only metrics that a hub exports', async (_, queries) => {
  const named = queries.flatMap(metricsIn)
  expect(named.length).toBeGreaterThan(0)
  const names = await exported()
  expect(named.filter((name) => !names.includes(name))).toEqual([])
})

test('the dashboard shows every metric of a server but its start, its workers and its webhooks', async () => {
  const shown = new Set(QUERIES.flatMap(metricsIn))
  const hidden = (await exported()).filter((name) => !shown.has(name))
  expect(hidden).toEqual([
    'process_start_time_seconds',
    'hono_sse_shard_up',
    'hono_sse_worker_up',
    'hono_sse_webhooks_total',
  ])
})

/** Series that make one alert fire, and no other: values per minute. */
const FAULTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  HubDown: { 'up{job="hono-sse"}': '0x60' },
  HubShardDown: { 'hono_sse_shard_up{shard="1"}': '0x60' },
  HubWorkerDown: { 'hono_sse_worker_up{worker="1"}': '0x60' },
  HubJournalDown: { hono_sse_journal_up: '0x60' },
  HubAtCapacity: { 'hono_sse_refusals_total{reason="at-capacity"}': '0+1x60' },
  HubServerErrors: { 'hono_sse_request_errors_total{status="503"}': '0+1x60' },
  HubEventsLost: {
    'hono_sse_gaps_total{reason="evicted"}': '0+1x60',
    'hono_sse_openings_total{resume="gap"}': '0+1x60',
    'hono_sse_openings_total{resume="fresh"}': '0+10x60',
  },
  HubSlowReaders: {
    'hono_sse_endings_total{reason="slow"}': '0+1x60',
    'hono_sse_endings_total{reason="left"}': '0+10x60',
  },
  HubDeliverySlow: buckets('hono_sse_delivery_delay_seconds', 2.5),
  HubEventLoopBlocked: buckets('hono_sse_event_loop_delay_seconds', 0.5),
  HubDescriptorsLow: {
    'process_open_fds{job="hono-sse"}': '950x60',
    'process_max_fds{job="hono-sse"}': '1000x60',
  },
  HubWebhooksDropped: { 'hono_sse_webhooks_total{result="dropped"}': '0+1x60' },
}

/** A hub under which nothing is wrong, although some of each happens. */
const WELL: Readonly<Record<string, string>> = {
  'up{job="hono-sse"}': '1x60',
  'hono_sse_shard_up{shard="1"}': '1x60',
  // One that is replaced now and then.
  'hono_sse_worker_up{worker="1"}': '1x20 0 1x30',
  hono_sse_journal_up: '1x60',
  'hono_sse_refusals_total{reason="at-capacity"}': '7x60',
  'hono_sse_refusals_total{reason="blocked"}': '0+1x60',
  'hono_sse_request_errors_total{status="404"}': '0+1x60',
  'hono_sse_gaps_total{reason="evicted"}': '0+1x60',
  'hono_sse_openings_total{resume="fresh"}': '0+100x60',
  'hono_sse_endings_total{reason="slow"}': '0+1x60',
  'hono_sse_endings_total{reason="lifetime"}': '0+100x60',
  ...buckets('hono_sse_delivery_delay_seconds', 0.01),
  ...buckets('hono_sse_event_loop_delay_seconds', 0.005),
  'hono_sse_webhooks_total{result="delivered"}': '0+100x60',
  'hono_sse_webhooks_total{result="dropped"}': '7x60',
  'process_open_fds{job="hono-sse"}': '500x60',
  'process_max_fds{job="hono-sse"}': '1000x60',
}

/** A histogram whose values are all in one bucket. */
function buckets(name: string, seconds: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [0.001, 0.005, 0.01, 0.25, 0.5, 1, 2.5]
      .map((le) => [`${name}_bucket{le="${le}"}`, le < seconds ? '0x60' : '0+100x60'])
      .concat([[`${name}_bucket{le="+Inf"}`, '0+100x60']]),
  )
}

describe.skipIf(PROMTOOL_IS_MISSING)('Prometheus (skipped where it is not installed)', () => {
  test('each alert fires at its fault and at no other, and none at a hub that is well', () => {
    const names = [...ALERTS.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    expect(Object.keys(FAULTS)).toEqual(expect.arrayContaining(names))
    const firing = 'count by (alertname) (ALERTS{alertstate="firing"})'
    const cases = Object.entries({ ...FAULTS, none: WELL }).map(([name, series]) => ({
      name,
      interval: '1m',
      input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
      promql_expr_test: [
        {
          expr: firing,
          eval_time: '50m',
          exp_samples: name === 'none' ? [] : [{ labels: `{alertname="${name}"}`, value: 1 }],
        },
      ],
    }))
    const folder = mkdtempSync(join(tmpdir(), 'hono-sse-'))
    copyFileSync('deploy/alerts.yml', join(folder, 'alerts.yml'))
    // JSON is YAML, too.
    const file = join(folder, 'cases.yml')
    writeFileSync(file, JSON.stringify({ rule_files: ['alerts.yml'], tests: cases }))
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], {
      encoding: 'utf8',
    })
    expect(`${stdout}${stderr}`).toContain('SUCCESS')
    expect(status).toBe(0)
  })

  test('scrapes a hub with its metrics key alone, and can run each query', async () => {
    const hub = await startServer(COMMANDS.node, {
      PUBLISH_KEY: 'a-publish-key-of-the-tests',
      METRICS_KEY,
    })
    const folder = mkdtempSync(join(tmpdir(), 'hono-sse-'))
    const scrape = readFileSync('deploy/scrape.yml', 'utf8')
      .replace('localhost:3020', new URL(hub.url).host)
      .replace('scrape_interval: 15s', 'scrape_interval: 1s')
    writeFileSync(join(folder, 'scrape.yml'), scrape)
    writeFileSync(join(folder, 'metrics-key'), METRICS_KEY)
    copyFileSync('deploy/alerts.yml', join(folder, 'alerts.yml'))
    const config = join(folder, 'scrape.yml')
    const checked = spawnSync('promtool', ['check', 'config', config], { encoding: 'utf8' })
    expect(`${checked.stdout}${checked.stderr}`).toMatch(/SUCCESS: \d+ rules found/)
    const address = `127.0.0.1:${await freePort()}`
    const args = [`--config.file=${config}`, `--web.listen-address=${address}`]
    args.push(`--storage.tsdb.path=${join(folder, 'data')}`)
    const prometheus = startProcess({ file: 'prometheus', args }, {})

    const ask = async (path: string) => {
      const response = await fetch(`http://${address}/api/v1/${path}`)
      return (await response.json()) as Answer
    }
    const values = async (expr: string) =>
      (await ask(`query?query=${encodeURIComponent(expr)}`)).data.result ?? []
    await until('the hub is scraped', async () => {
      const [up] = await values('up{job="hono-sse"}').catch(() => [])
      return up?.value[1] === '1'
    })
    expect(await values('hono_sse_journal_up')).toHaveLength(1)
    for (const query of QUERIES) {
      const expr = query.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*')
      const { status, error } = await ask(`query?query=${encodeURIComponent(expr)}`)
      expect({ expr, status, error }).toEqual({ expr, status: 'success', error: undefined })
    }
    const [group] = (await ask('rules')).data.groups ?? []
    expect(group?.rules).toHaveLength(Object.keys(FAULTS).length)
    await prometheus.kill()
    await hub.kill()
  })
})
