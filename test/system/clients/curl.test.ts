/** curl, as a person or a script would use it, against the Node server. */
import { spawn, spawnSync } from 'node:child_process'
import { createParser } from 'eventsource-parser'
import { test } from 'vitest'
import { resumeWith, returning } from './polling.ts'
import { clientBehaviour } from './resumption.ts'

const missing = spawnSync('curl', ['--version']).error !== undefined

if (missing && process.env.CI !== 'true') {
  test.skip('curl resumes without loss or duplicates (curl is not installed here)', () => {})
} else {
  clientBehaviour('curl', (url, hear) =>
    returning((lastEventId, signal, take) => {
      const [header] = Object.entries(resumeWith(lastEventId)).map((pair) => pair.join(': '))
      const child = spawn('curl', ['-sN', url, ...(header ? ['-H', header] : [])], { signal })
      const parser = createParser({ onEvent: take })
      child.stdout.setEncoding('utf8').on('data', (text: string) => parser.feed(text))
      return new Promise((resolve, reject) => {
        child.once('error', reject)
        child.once('close', () => resolve())
      })
    }, hear),
  )
}
