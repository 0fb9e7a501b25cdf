/** The banner that `hono-sse serve` prints when it starts. */
import type { StartInfo } from '../server/run.ts'

const MODES: Readonly<Record<StartInfo['accessMode'], string>> = {
  loopback: 'loopback: only this machine can connect; anyone there may listen and publish',
  permissions: 'keys: listening and publishing require a key, a token or a ticket',
  anonymous: 'anonymous: anyone may listen as any client, and publish',
  refused: 'refused: all requests are refused',
}

const JOURNALS: Readonly<Record<StartInfo['journal'], string>> = {
  memory: 'memory: lost when this process ends',
  redis: 'Redis: shared by all instances',
}

/** Returns the banner, with two commands to try next. */
export function bannerOf({ url, accessMode, journal }: StartInfo, version: string): string {
  return `
  hono-sse ${version}

  url      ${url}
  mode     ${MODES[accessMode]}
  journal  ${JOURNALS[journal]}

  Try these in two other terminals${accessMode === 'permissions' ? ', with the same PUBLISH_KEY' : ''}:

  npx hono-sse listen ${url} --client alice
  npx hono-sse publish ${url} --client alice hello
`
}
