/** The URLs that the hub may send requests to. */
import { expect, test } from 'vitest'
import { isSecureUrl } from '../../../src/core/options/secure-url.ts'

test.each([
  ['https://receiver.example/path?query', true],
  ['http://localhost:8080/', true],
  ['http://127.0.0.1', true],
  ['http://[::1]:3000', true],
  ['http://receiver.localhost', true],
  ['http://receiver.example', false],
  ['http://localhost.example', false],
  ['http://10.0.0.1', false],
  ['https://user:word@receiver.example', false],
  ['https://user@receiver.example', false],
  ['http://localhost@receiver.example', false],
  ['ftp://localhost', false],
  ['receiver.example', false],
  ['', false],
])('%j is secure: %s', (url, isSecure) => {
  expect(isSecureUrl(url)).toBe(isSecure)
})
