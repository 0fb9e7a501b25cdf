/** The variables of the context by which handlers hand something to each other. The app that mounts this one may have variables with plain names. */

/** Whose rate limit a request counts against, and whose its idempotency keys are. Never set without access control. */
export const SUBJECT = 'hono-sse.subject'

/** The stream that a request may open. */
export const GRANT = 'hono-sse.grant'

/** What issues the tickets that a request asks for. */
export const ISSUER = 'hono-sse.issuer'
