/** Node's fetch and a dozen lines of string splitting, against the Node server. */

import { resumeWith, returning } from './polling.ts'
import { clientBehaviour } from './resumption.ts'

clientBehaviour('plain fetch', (url, hear) =>
  returning(async (lastEventId, signal, take) => {
    const { body } = await fetch(url, { headers: resumeWith(lastEventId), signal })
    let text = ''
    for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (text + part).split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) take(eventOf(block))
    }
  }, hear),
)

function eventOf(block: string): {
  data: string
  event: string | undefined
  id: string | undefined
} {
  const fields = block.split('\n').map((line) => line.split(/: (.*)/s))
  const all = (name: string) =>
    fields.filter(([key]) => key === name).map(([, value = '']) => value)
  return { data: all('data').join('\n'), event: all('event')[0], id: all('id')[0] }
}
