/** `eventsource-parser/stream` on the body of Node's fetch, against the Node server. */
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { resumeWith, returning } from './polling.ts'
import { clientBehaviour } from './resumption.ts'

clientBehaviour('eventsource-parser stream', (url, hear) =>
  returning(async (lastEventId, signal, take) => {
    const { body } = await fetch(url, { headers: resumeWith(lastEventId), signal })
    const events = body
      ?.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream())
    for await (const event of events ?? []) take(event)
  }, hear),
)
