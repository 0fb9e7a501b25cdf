/** The React hooks on a server, where nothing opens, and their types. */
import { createElement, type ReactNode, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, expectTypeOf, test, vi } from 'vitest'
import { typed } from '../../src/client/event-schema.ts'
import { type ComponentStream, useEvent, useEvents } from '../../src/client/react.ts'
import { manualClock } from '../support/clock.ts'

test('on a server, a component renders as connecting and opens nothing', async () => {
  const clock = manualClock()
  const send = vi.fn<typeof fetch>()
  function Inbox(): ReactNode {
    const { stream, status } = useEvents({ url: '/sse', client: 'alice', fetch: send, clock })
    const data = useEvent(stream, 'message')
    useEvent(stream, 'message', () => {})
    return `${status.state} ${stream.status.state} ${stream.cursor} ${data}`
  }
  const html = renderToString(createElement(StrictMode, null, createElement(Inbox)))
  expect(html).toBe('connecting connecting undefined undefined')
  await clock.runPending()
  expect(send).not.toHaveBeenCalled()
  expect(clock.timers).toBe(0)
})

test('schemas reach the data of an event and its listener', () => {
  function Inbox(): ReactNode {
    const { stream } = useEvents({
      url: '/sse',
      events: { inbox: typed<{ unread: number }>() },
    })
    const inbox = useEvent(stream, 'inbox')
    expectTypeOf(inbox).toEqualTypeOf<{ unread: number } | undefined>()
    expectTypeOf(useEvent(stream, 'message')).toEqualTypeOf<string | undefined>()
    useEvent(stream, 'inbox', (data, event) => {
      expectTypeOf(data).toEqualTypeOf<{ unread: number }>()
      expectTypeOf(event.id).toEqualTypeOf<string | undefined>()
    })
    const user = null as { readonly id: string } | null
    const { stream: later } = useEvents(
      user && { url: '/sse', client: user.id, events: { inbox: typed<number>() } },
    )
    expectTypeOf(useEvent(later, 'inbox')).toEqualTypeOf<number | undefined>()
    const badge = (any: ComponentStream) => any.status.state
    badge(stream)
    // @ts-expect-error Components share a stream, so none of them can end it.
    useEvents({ url: '/sse', signal: new AbortController().signal })
    return inbox?.unread ?? 'none'
  }
  expect(renderToString(createElement(Inbox))).toBe('none')
})
