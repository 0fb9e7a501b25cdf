/** Clients that people use, as their README shows them: each is code that has `url` and calls `show`. */

/** A client, and where it runs. */
export interface KnownClient {
  readonly name: string
  readonly where: 'page' | 'node' | 'python' | 'go'
  /** Code as a person would write it first. */
  readonly code: string
}

/** The clients, in the order of the table. */
export const KNOWN_CLIENTS: readonly KnownClient[] = [
  {
    name: '`hono-sse/client`',
    where: 'page',
    code: `
import { connect } from 'hono-sse/client'
// In the middle of the range that it waits: as long as retry: says.
const stream = connect({ url, share: false, random: () => 0.5 })
stream.onAny(({ event, data }) => show(event, data))`,
  },
  {
    name: '`EventSource` in browsers',
    where: 'page',
    code: `
const source = new EventSource(url)
source.onmessage = ({ data }) => show('message', data)
source.addEventListener('inbox', ({ data }) => show('inbox', data))`,
  },
  {
    name: '`eventsource` 4',
    where: 'node',
    code: `
import { EventSource } from 'eventsource'
const source = new EventSource(url)
source.addEventListener('message', ({ data }) => show('message', data))
source.addEventListener('inbox', ({ data }) => show('inbox', data))`,
  },
  {
    name: '`reconnecting-eventsource` 1',
    where: 'page',
    code: `
import ReconnectingEventSource from 'reconnecting-eventsource'
const source = new ReconnectingEventSource(url)
source.onmessage = ({ data }) => show('message', data)
source.addEventListener('inbox', ({ data }) => show('inbox', data))`,
  },
  {
    name: '`@microsoft/fetch-event-source` 2',
    where: 'page',
    code: `
import { fetchEventSource } from '@microsoft/fetch-event-source'
void fetchEventSource(url, { onmessage: ({ event, data }) => show(event || 'message', data) })`,
  },
  {
    name: '`event-source-plus` 0.1',
    where: 'node',
    code: `
import { EventSourcePlus } from 'event-source-plus'
new EventSourcePlus(url).listen({ onMessage: ({ event, data }) => show(event, data) })`,
  },
  {
    name: '`launchdarkly-eventsource` 2',
    where: 'node',
    code: `
import { EventSource } from 'launchdarkly-eventsource'
const source = new EventSource(url)
source.onmessage = ({ data }) => show('message', data)
source.addEventListener('inbox', ({ data }) => show('inbox', data))
source.onerror = () => {}`,
  },
  {
    name: '`sse.js` 2',
    where: 'page',
    code: `
import { SSE } from 'sse.js'
const source = new SSE(url)
source.addEventListener('message', ({ data }) => show('message', data))
source.addEventListener('inbox', ({ data }) => show('inbox', data))`,
  },
  {
    name: '`curl -N`',
    where: 'node',
    code: `
import { spawn } from 'node:child_process'
import { createParser } from 'eventsource-parser'
const parser = createParser({ onEvent: ({ event = 'message', data }) => show(event, data) })
const { stdout } = spawn('curl', ['-sN', url])
stdout.setEncoding('utf8').on('data', (text) => parser.feed(text))`,
  },
  {
    name: 'Python, with [the recipe](recipes/languages.md)',
    where: 'python',
    code: `
import json, sys
from hub import listen

for event in listen(sys.argv[1]):
    print(json.dumps(event), flush=True)`,
  },
  {
    name: 'Go, with [the recipe](recipes/languages.md)',
    where: 'go',
    code: `
package main

import ("context"; "encoding/json"; "log"; "os")

func main() {
	log.Fatal(listen(context.Background(), os.Args[1], nil, func(name, data string) {
		json.NewEncoder(os.Stdout).Encode([]string{name, data})
	}))
}`,
  },
]
