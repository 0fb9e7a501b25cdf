/** The variables of webhooks: requests that report which clients come online and go offline. */
import { z } from 'zod'
import { isSecureUrl, SECURE_URL_RULE } from '../../core/options/secure-url.ts'
import { isWebhookSecret, WEBHOOK_SECRET_RULE } from '../../webhooks/signature.ts'
import { list, number, wholeNumber } from './fields.ts'

/** The configuration of webhooks. */
export interface WebhookConfig {
  /** The URL that receives webhooks when clients come online and go offline. */
  readonly WEBHOOK_URL?: string | undefined
  /** The secrets that webhooks are signed with. Several allow for rotation. */
  readonly WEBHOOK_SECRET: readonly string[]
  /** The maximum number of webhooks in one request while many wait. */
  readonly WEBHOOK_BATCH_EVENTS: number
  /** Seconds that a client may be without a connection before it is offline. */
  readonly OFFLINE_GRACE_SECONDS: number
}

const SECRETS_RULE = `must be a list of secrets, each of which ${WEBHOOK_SECRET_RULE}`

/** The kinds of these variables. */
export const webhookFields: {
  readonly [Name in keyof WebhookConfig]-?: z.ZodType<WebhookConfig[Name]>
} = {
  WEBHOOK_URL: z.string().refine(isSecureUrl, SECURE_URL_RULE).optional(),
  WEBHOOK_SECRET: list(/^/, SECRETS_RULE).refine((all) => all.every(isWebhookSecret), SECRETS_RULE),
  WEBHOOK_BATCH_EVENTS: wholeNumber(1, 1_000).default(1),
  OFFLINE_GRACE_SECONDS: number(0, 3_600).default(5),
}

/** The rule between them, as `refine` receives it. Invalid fields are missing here. */
export const webhookRule: readonly [
  rule: (config: Partial<WebhookConfig>) => boolean,
  report: { when: () => boolean; path: string[]; message: string },
] = [
  ({ WEBHOOK_URL, WEBHOOK_SECRET }) =>
    WEBHOOK_SECRET === undefined || (WEBHOOK_URL === undefined) === (WEBHOOK_SECRET.length === 0),
  {
    when: () => true,
    path: ['WEBHOOK_SECRET'],
    message: 'and WEBHOOK_URL require each other: set both, or neither',
  },
]
