/** What is retained at the topics of a stream, for components that mount after it was received. */
import type { ClientStream } from '../client-stream.ts'
import type { ReceivedEvent } from '../stream-types.ts'

/** The stream as a component uses it. */
export type ListenedStream = Pick<
  ClientStream<Record<never, never>>,
  'on' | 'onAny' | 'onGap' | 'onStatus'
>

/** The retained events that a stream has received. */
export interface RetainedValues {
  /** The stream as one that begins now: its listeners first receive what is retained, later in this turn. */
  startOf(): ListenedStream
}

/** Notes what a stream receives. @param onError - receives what listeners throw */
export function createRetainedValues(
  stream: ListenedStream,
  onError: (error: unknown) => void,
): RetainedValues {
  /** By topic and key. */
  const values = new Map<string, ReceivedEvent>()
  stream.onAny(note)
  // What was lost may have replaced some of them.
  stream.onGap(() => values.clear())
  return { startOf }

  function note(event: ReceivedEvent): void {
    const { topic, key, retained } = event
    if (key === undefined) return
    const place = JSON.stringify([topic, key])
    values.delete(place)
    if (retained) values.set(place, event)
  }

  function startOf(): ListenedStream {
    return {
      on: (name, listener) => {
        const isNamed = ({ event }: ReceivedEvent) => event === name
        const send = (event: ReceivedEvent) => listener(event.data as never, event)
        return after(stream.on(name, listener), isNamed, send)
      },
      onAny: (listener) => after(stream.onAny(listener), () => true, listener),
      onGap: stream.onGap,
      onStatus: stream.onStatus,
    }
  }

  /** Sends what is retained, unless the listener has stopped before. */
  function after(
    stop: () => void,
    isMine: (event: ReceivedEvent) => boolean,
    send: (event: ReceivedEvent) => void,
  ): () => void {
    let isStopped = false
    const events = [...values.values()].filter(isMine)
    void Promise.resolve().then(() => {
      for (const event of events) {
        if (isStopped) return
        try {
          send(event)
        } catch (error) {
          onError(error)
        }
      }
    })
    return () => {
      isStopped = true
      stop()
    }
  }
}
