/** A server records traces if OpenTelemetry is set up before it starts, and only then. */
import { afterEach, expect, test } from 'vitest'
import { loadTracing } from '../../../src/server/process/tracing.ts'
import { startSdk, stopSdk } from '../../support/trace-sdk.ts'

afterEach(stopSdk)

test('there are no traces until an SDK is set up, and asking for them records none', async () => {
  expect(await loadTracing()).toBeUndefined()
  const spans = startSdk()
  expect(Object.keys((await loadTracing()) ?? {})).toEqual(['traceHub', 'traceRequests'])
  expect(spans()).toEqual([])
})
