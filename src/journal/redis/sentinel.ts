/** Asks Sentinels which server is the primary now. https://redis.io/docs/latest/develop/reference/sentinel-clients/ */
import type { createClient } from 'redis'
import { parseRedisUrl } from './redis-url.ts'

/** Milliseconds that a Sentinel may take to connect, and to answer. */
const TIMEOUT_MS = 1_000

/**
 * Returns the URL of the primary. Asks all Sentinels at once, and takes the answer that most of them
 * give: one that is cut off from the others may not know of a failover.
 * @throws if none answers, or those that do know no primary of this name
 */
export async function findPrimary(url: string, create: typeof createClient): Promise<string> {
  const parsed = parseRedisUrl(url)
  if (!parsed || parsed.sentinels.length === 0) return url
  const { sentinels, name, primaryAt } = parsed
  const answers = await Promise.allSettled(sentinels.map((one) => ask(one, name, create)))
  const votes = new Map<string, number>()
  for (const answer of answers) {
    if (answer.status === 'fulfilled' && answer.value) {
      votes.set(answer.value, (votes.get(answer.value) ?? 0) + 1)
    }
  }
  const [best] = [...votes].sort(([, one], [, other]) => other - one)
  if (best) return primaryAt(best[0])
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (failed && answers.every(({ status }) => status === 'rejected')) throw failed.reason
  throw new Error(`The Sentinels know no primary named ${name}.`)
}

/** Returns the address that a Sentinel gives as `host:port`; undefined if it does not know the name. */
async function ask(
  url: string,
  name: string,
  create: typeof createClient,
): Promise<string | undefined> {
  const client = create({
    url,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS },
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const reply = await client.sendCommand(['SENTINEL', 'get-master-addr-by-name', name])
    if (!Array.isArray(reply)) return undefined
    const [host, port] = reply.map(String)
    return host?.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  } finally {
    client.destroy()
  }
}
