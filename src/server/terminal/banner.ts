/** The banner that a server shows on a terminal when it starts. */
import { VERSION } from '../../http/openapi/document.ts'
import type { AccessMode } from '../access.ts'

/** What the banner shows. */
export interface StartInfo {
  readonly url: string
  /** Whether the dashboard is at the URL. */
  readonly page: boolean
  readonly accessMode: AccessMode
  readonly journal: 'memory' | 'redis'
}

const MODES: Readonly<Record<AccessMode, string>> = {
  loopback: 'loopback: only this machine can connect; anyone there may listen and publish',
  permissions: 'keys: listening and publishing require a key, a token or a ticket',
  anonymous: 'anonymous: anyone may listen as any client, and publish',
  refused: 'refused: all requests are refused',
}

const JOURNALS: Readonly<Record<StartInfo['journal'], string>> = {
  memory: 'memory: lost when this process ends',
  redis: 'Redis: shared by all instances',
}

/** Shows the banner on standard error. */
export function showBanner(info: StartInfo): void {
  // A banner that can't be written must not end the server. On Bun, `console.error` would show it in red.
  process.stderr.on('error', () => {})
  process.stderr.write(`${bannerOf(info)}\n`)
}

/** Returns the banner, with two commands to try next. */
function bannerOf({ url, page, accessMode, journal }: StartInfo): string {
  const needsKey = accessMode === 'permissions'
  const commands = needsKey
    ? [
        `npx hono-sse listen ${url} --client alice`,
        `npx hono-sse publish ${url} --client alice hello`,
      ]
    : [`curl -N '${url}/sse?id=alice'`, `curl -d data=hi ${url}/clients/alice`]
  return `
  hono-sse ${VERSION}

  ${page ? 'page' : 'url '}     ${url}
  mode     ${MODES[accessMode]}
  journal  ${JOURNALS[journal]}

  Try these in two other terminals${needsKey ? ', with the same PUBLISH_KEY' : ''}:

  ${commands.join('\n  ')}
`
}
