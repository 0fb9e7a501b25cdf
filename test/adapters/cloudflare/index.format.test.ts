/** A deployment of an older version, after a newer one has written the journal in another format. */
import { afterAll, expect, test, vi } from 'vitest'
import { requestJson, textBody } from '../../support/client.ts'
import { createWorkerStorage } from '../../support/worker/edge.ts'

vi.setConfig({ testTimeout: 90_000 })

const disk = createWorkerStorage()
afterAll(disk.remove)

test('an object does not serve a journal of another format: clients retry until a version that knows it is deployed', async () => {
  const first = await disk.start()
  await requestJson(`${first.url}/broadcast`, textBody('one'))
  await first.kill()
  const { url } = await disk.start({ ENTRYPOINT: 'test/support/worker/newer-object.ts' })
  expect((await fetch(`${url}/broadcast`, textBody('two'))).status).toBe(503)
  expect((await fetch(`${url}/readyz`)).status).toBe(503)
  const stream = await fetch(`${url}/sse?id=alice`)
  expect(stream.status).toBe(200)
  expect(await stream.text()).toContain('"reason":"shutdown"')
})
