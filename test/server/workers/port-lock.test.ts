/** Two servers can't lock one port at the same time. */
import { describe, expect, test } from 'vitest'
import { lockPort } from '../../../src/server/workers/port-lock.ts'
import { freePort } from '../../support/free-port.ts'

describe.runIf(process.platform === 'linux')('a port', () => {
  test('is locked once for each address', async () => {
    const port = await freePort()
    const unlock = await lockPort('127.0.0.1', port)
    await expect(lockPort('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await lockPort('127.0.0.2', port)
    unlock()
    await lockPort('127.0.0.1', port)
  })
})
