/** Errors of listening that name what to set. */
import { expect, test } from 'vitest'
import { listenFailure } from '../../../src/server/terminal/listen-failure.ts'

test.each([
  ['EADDRINUSE', /^can’t listen because the port is in use: set PORT/],
  ['EACCES', /set PORT to 1024 or more/],
  ['EADDRNOTAVAIL', /HOST is not an address of this machine/],
])('%s has a message', (code, message) => {
  expect(listenFailure(Object.assign(new Error('raw'), { code }))).toMatch(message)
})

test('any other error has none', () => {
  for (const error of [new Error('bad certificate'), undefined, 'text', { code: 7 }]) {
    expect(listenFailure(error)).toBeUndefined()
  }
})
