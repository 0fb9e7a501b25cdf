/** What a server that a person has started says first. */
import type { StartInfo } from '../server/run.ts'

const MODES: Readonly<Record<StartInfo['accessMode'], string>> = {
  loopback: 'loopback: only this machine reaches it, and all may do all',
  rights: 'keys: listening and publishing take a key, a token or a ticket',
  anonymous: 'anonymous: anyone may listen as anyone, and publish',
  refused: 'refused: nobody may do anything',
}

const JOURNALS: Readonly<Record<StartInfo['journal'], string>> = {
  memory: 'memory: ends with this process',
  redis: 'Redis: shared by all instances',
}

/** The banner, with what to try next. */
export function bannerOf({ url, accessMode, journal }: StartInfo, version: string): string {
  return `
  hono-sse ${version}

  url      ${url}
  mode     ${MODES[accessMode]}
  journal  ${JOURNALS[journal]}

  Try in two other terminals${accessMode === 'rights' ? ', with PUBLISH_KEY set there as here' : ''}:

  npx hono-sse listen ${url} --client alice
  npx hono-sse publish ${url} --client alice hello
`
}
