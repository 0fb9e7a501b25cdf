/** Webhooks are signed as the specification says. */
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { createWebhookSigner, isWebhookSecret } from '../../src/webhooks/signature.ts'

const secretOf = (bytes: number) => `whsec_${btoa('\xff'.repeat(bytes))}`

describe('a signature', () => {
  test('is that of the example in the specification', async () => {
    const { sign } = createWebhookSigner(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])
    const content = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: 1_614_265_330,
      body: '{"test": 2432232314}',
    }
    expect(await sign(content)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  test('is accepted by the package of the specification, and that of another secret is not', async () => {
    const body = JSON.stringify({ data: { client: 'é😀' } })
    const timestamp = Math.floor(Date.now() / 1_000)
    const signature = await createWebhookSigner([secretOf(24)]).sign({ id: 'one', timestamp, body })
    const headers = {
      'webhook-id': 'one',
      'webhook-timestamp': `${timestamp}`,
      'webhook-signature': signature,
    }
    expect(new Webhook(secretOf(24)).verify(body, headers)).toEqual({ data: { client: 'é😀' } })
    expect(() => new Webhook(secretOf(25)).verify(body, headers)).toThrow()
    expect(() => new Webhook(secretOf(24)).verify(`${body} `, headers)).toThrow()
  })

  test('by several secrets is accepted with each of them', async () => {
    const timestamp = Math.floor(Date.now() / 1_000)
    const { sign } = createWebhookSigner([secretOf(24), secretOf(64)])
    const headers = {
      'webhook-id': 'one',
      'webhook-timestamp': `${timestamp}`,
      'webhook-signature': await sign({ id: 'one', timestamp, body: '{}' }),
    }
    for (const bytes of [24, 64]) {
      expect(new Webhook(secretOf(bytes)).verify('{}', headers)).toEqual({})
    }
  })
})

test.each([
  [secretOf(24), true],
  [secretOf(64), true],
  [secretOf(23), false],
  [secretOf(65), false],
  [btoa('x'.repeat(32)), false],
  ['whsec_', false],
  [`whsec_${'*'.repeat(44)}`, false],
])('%j is a secret: %s', (secret, isSecret) => {
  expect(isWebhookSecret(secret)).toBe(isSecret)
})
