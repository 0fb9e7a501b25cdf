/** Describes each variable in a line, in the groups and words of the configuration page. */
import type { Config } from '../config.ts'

/** What the variables mean, by the title of their group, in at most 62 characters. */
export const variableGroups: Readonly<Record<string, Partial<Record<keyof Config, string>>>> = {
  Server: {
    PORT: 'TCP port, 0 to 65,535; 0 picks a free one',
    HOST: 'the address to listen on',
    WORKERS: 'how many processes serve requests; auto: one for each core',
    TLS_CERT: 'path of a certificate file (PEM)',
    TLS_KEY: 'path of the certificate’s private key',
    DRAIN_SECONDS: 'the maximum duration of a drain',
    DRAIN_DELAY_SECONDS: 'how long the server continues to serve after SIGTERM',
    PAGE: 'the dashboard at /; off removes it',
    STREAM: 'how streams open: native or portable',
    CLOCK_SECONDS: 'period of the demo clock’s time event; 0 turns it off',
    LOG_LEVEL: 'trace, debug, info, warning, error or fatal',
  },
  Access: {
    PUBLISH_KEY: 'keys to publish and operate with, comma-separated',
    METRICS_KEY: 'keys that read /metrics and may do nothing else',
    JWT_SECRET: 'the secret of tokens signed with HS256, HS384 or HS512',
    JWKS_URL: 'the https URL of the token issuer’s public keys',
    JWT_ISSUER: 'the required iss of a token',
    JWT_AUDIENCE: 'an audience that a token’s aud must contain',
    ALLOW_ANONYMOUS: 'true: anyone who can reach the hub may do anything',
    CORS_ORIGINS: 'origins whose pages may read responses, comma-separated',
    CORS_HEADERS: 'further request headers that those pages may send',
    TRUST_PROXY: 'the number of your own proxies that append to X-Forwarded-For',
    ATTEMPTS_PER_MINUTE: 'maximum number of invalid keys per minute and IP address',
    STREAMS_PER_MINUTE: 'maximum number of streams that one client may open per minute',
    PUBLISHES_PER_MINUTE: 'maximum number of events per minute and publisher',
  },
  Streams: {
    HEARTBEAT_SECONDS: 'seconds between two hub:beat events on every stream',
    RETRY_MS: 'how long clients wait before they reconnect, in milliseconds',
    LIFETIME_SECONDS: 'lifetime of a connection, varied at random by ±20 %',
    MAX_CONNECTIONS: 'maximum number of connections of one instance',
    MAX_CONNECTIONS_PER_CLIENT: 'maximum number of connections of one client',
    CLIENT_OVERFLOW: 'beyond it, refuse the new connection or end the oldest',
    MAX_QUEUED_BYTES: 'maximum number of bytes queued for one connection',
    MAX_EVENT_BYTES: 'maximum number of bytes of one event’s data',
    COMPRESS_MIN_BYTES: 'the size in bytes from which an event is compressed',
  },
  Journal: {
    JOURNAL_EVENTS: 'maximum number of events stored for each address',
    JOURNAL_SECONDS: 'how long an event is stored',
    JOURNAL_BYTES: 'maximum number of bytes stored in total',
    REDIS_URL: 'the Redis or Valkey primary that several instances share',
    REDIS_EVICTION: 'refuse rejects a Redis whose maxmemory-policy evicts keys',
    REDIS_PREFIX: 'the hub’s name in Redis',
    HUB_SHARDS: 'on Workers: how many Durable Objects share the clients',
  },
  Webhooks: {
    WEBHOOK_URL: 'the https URL that is told who comes online and goes offline',
    WEBHOOK_SECRET: 'secrets that webhooks are signed with, comma-separated',
    OFFLINE_GRACE_SECONDS: 'how long a client may be away before it is offline',
  },
}
