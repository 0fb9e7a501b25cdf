/** The error of a journal that can't be used now. */
import { expect, test } from 'vitest'
import { unavailable } from '../../src/journal/unavailable.ts'

test('an error says that the request may not have taken effect', () => {
  expect(unavailable('is closed')).toMatchObject({
    code: 'journal-unavailable',
    message: 'The journal is closed: the request may not have taken effect. Try again.',
  })
})
