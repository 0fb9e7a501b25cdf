/**
 * Signs webhooks, so that their receiver knows who has sent them.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
 */

const PREFIX = 'whsec_'

/** The size of a secret in bytes, by the specification. */
const MIN_BYTES = 24
const MAX_BYTES = 64

/** The rule of {@link isWebhookSecret} in words. */
export const WEBHOOK_SECRET_RULE: string = `must be ${PREFIX} and ${MIN_BYTES} to ${MAX_BYTES} bytes in base64`

/** Whether text is the secret of a webhook. */
export function isWebhookSecret(text: string): boolean {
  const length = keyOf(text)?.byteLength ?? 0
  return length >= MIN_BYTES && length <= MAX_BYTES
}

/** What a webhook is signed as: its id, when it is sent, in seconds since 1970, and its body. */
export interface SignedContent {
  readonly id: string
  readonly timestamp: number
  readonly body: string
}

/** Signs webhooks. */
export interface WebhookSigner {
  /** Returns the value of the header `webhook-signature`: a signature by each secret. */
  sign(content: SignedContent): Promise<string>
}

/** Creates a signer. Each secret MUST be valid. */
export function createWebhookSigner(secrets: readonly string[]): WebhookSigner {
  let imported: Promise<Key[]> | undefined
  return { sign }

  async function sign({ id, timestamp, body }: SignedContent): Promise<string> {
    imported ??= Promise.all(secrets.map(importKey))
    const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`)
    const signatures = (await imported).map(async (key) => {
      const signature = new Uint8Array(await crypto.subtle.sign('HMAC', key, content))
      return `v1,${btoa(String.fromCharCode(...signature))}`
    })
    return (await Promise.all(signatures)).join(' ')
  }
}

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

async function importKey(secret: string): Promise<Key> {
  const key = keyOf(secret) ?? new Uint8Array()
  return await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
}

/** The bytes of a secret; undefined if it is not one. */
function keyOf(secret: string): Uint8Array<ArrayBuffer> | undefined {
  if (!secret.startsWith(PREFIX)) return undefined
  try {
    return Uint8Array.from(atob(secret.slice(PREFIX.length)), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}
