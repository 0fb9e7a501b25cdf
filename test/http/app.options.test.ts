/** Options of an app: what can't work is refused when the app is created, not at the first request. */
import { expect, test } from 'vitest'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import { createAccess } from '../../src/http/auth/access.ts'
import type { Access } from '../../src/http/auth/authorizer.ts'
import { createLimits } from '../../src/http/middleware/rate-limit.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { Hub } from '../../src/hub/hub-types.ts'
import { KEY } from '../support/auth-harness.ts'

const hub = createHub()
const listen = async () => ({ client: 'alice', topics: [] })

test.each<[RegExp, unknown]>([
  [/options of createApp must be an object/, undefined],
  [/options of createApp must be an object/, null],
  [/createApp has no option "toString"/, { toString: 1 }],
  [/created by createHub/, { hub: { maxEventBytes: 10 } }],
  [/created by createHub/, { hub: undefined }],
  [/limits of createApp has no option "streamsPerMinute"/, { limits: { streamsPerMinute: 5 } }],
  [/publishing of limits of createApp must be a function/, { limits: { publishing: 5 } }],
  [/limits of createApp must be an object/, { limits: 5 }],
  [/middleware of createApp must be an array of functions/, { middleware: () => {} }],
  [/onError of createApp must be a function/, { onError: 'log' }],
  [/dashboard of createApp must be an object/, { dashboard: true }],
])('%s', (message, wrong) => {
  const options = wrong && { hub, access: 'anyone', ...(wrong as object) }
  const app = () => createApp(options as AppOptions)
  expect(app).toThrow(message)
  expect(app).toThrow(TypeError)
})

test.each<[string, unknown]>([
  ['an empty object', {}],
  ['a list', []],
  ['a promise', Promise.resolve({ listen })],
  ['an object that only decides who listens', { listen }],
  ['another word than anyone', 'anybody'],
  ['true', true],
])('access control that is %s is refused', (_, access) => {
  const app = () => createApp({ hub, access } as AppOptions)
  expect(app).toThrow(/^createApp requires access/)
  expect(app).toThrow(TypeError)
})

test('access control of one’s own has the four methods', () => {
  const access: Access = {
    listen,
    publish: async () => 'subject',
    operate: async () => {},
    issuer: async () => async () => 'ticket',
  }
  expect(() => createApp({ hub, access })).not.toThrow()
})

test('access control and limits of another hub are refused: they would not see its blocks', () => {
  const other: Hub = createHub()
  const access = createAccess({ hub: other, keys: [KEY] })
  expect(() => createApp({ hub, access })).toThrow(/access .* belongs to another hub/)
  const limits = createLimits({ hub: other, addressOf: () => undefined })
  expect(() => createApp({ hub, access: 'anyone', limits })).toThrow(
    /limits .* belongs to another hub/,
  )
})
