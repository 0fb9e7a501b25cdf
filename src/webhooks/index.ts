/** Webhooks: `hono-sse/webhooks`, which tells your back end by HTTP who comes online and goes offline. */
export type { WebhookDropReason, WebhookObserver, WebhookOptions } from './webhook-options.ts'
export { createWebhooks, type WebhookStats, type Webhooks } from './webhooks.ts'
