/** What Redis replies, whichever its version. */
import { expect, test } from 'vitest'
import { toScriptError } from '../../../src/journal/redis/replies.ts'

const SHA = '0a9f75e991483d02789696e4c90d26c10395863e'

test.each([
  // Redis 6.2, for a command that a script called, and for one that a script called with `pcall`.
  [`ERR Error running script (call to f_${SHA}): @user_script:1: @user_script: 1: -OOM command x.`],
  ['@user_script: 1: -OOM command x.'],
])('the error of a command in a script is found in %j', (message) => {
  expect(toScriptError(new Error(message)).message).toBe('OOM command x.')
})

test.each([
  [`OOM command x. script: ${SHA}, on @user_script:1.`],
  [
    `ERR Error running script (call to f_${SHA}): @user_script:1: @user_script: 1: Unknown Redis command`,
  ],
])('every other error stays as it is: %j', (message) => {
  const error = new Error(message)
  expect(toScriptError(error)).toBe(error)
})
