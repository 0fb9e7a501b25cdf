/** A browser with tabs that share channels and locks, and that crash, hang and sleep when a test says so. */
import type { Browser, Channel, Locks, PageEvents } from '../../src/client/browser.ts'
import type { Clock } from '../../src/core/clock.ts'

/** One tab: what the client in it sees of the world, and what may happen to it. */
export interface FakeTab {
  readonly browser: Browser
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** Its process dies: nothing in it runs any more, and the browser releases its locks. */
  crash(): void
  /** Nothing in it runs, but it keeps its locks; what arrives waits for it. */
  hang(): void
  thaw(): void
  /** It is hidden, and its timers fire once a minute at most. */
  throttle(): void
  /** The page goes into the back/forward cache, and comes back. */
  suspend(): void
  resume(): void
  /** The page becomes visible, or the network is back. */
  wake(): void
}

interface LockRequest {
  readonly signal?: AbortSignal | undefined
  readonly grant: () => Promise<void>
  readonly reject: (error: Error) => void
  readonly resolve: () => void
}

interface LockState {
  holder?: LockRequest | undefined
  readonly waiting: LockRequest[]
}

/** A browser that opens tabs. */
export interface FakeBrowser {
  /** @param deniesLocks - as in a frame without an origin. @defaultValue false */
  open(deniesLocks?: boolean): FakeTab
}

/** Creates a browser whose tabs send their requests with `fetch`. */
export function createFakeBrowser(clock: Clock, send: typeof fetch): FakeBrowser {
  const channels = new Set<{ name: string; receive(data: unknown): void }>()
  const locks = new Map<string, LockState>()
  return { open }

  function open(deniesLocks = false): FakeTab {
    let state: 'running' | 'hanging' | 'crashed' = 'running'
    const delayed: (() => void)[] = []
    const requests = new Set<LockRequest>()
    const aborts = new Set<AbortController>()
    let page: PageEvents | undefined
    let isThrottled = false
    /** Runs work of the tab: now, when it thaws, or never. */
    const run = (work: () => void) => {
      if (state === 'running') work()
      else if (state === 'hanging') delayed.push(work)
    }
    return {
      browser: {
        sharing: {
          open: (name) => openChannel(name, run),
          locks: tabLocks(run, requests, deniesLocks),
        },
        listen: (events) => {
          page = events
          return () => {
            page = undefined
          }
        },
      },
      clock: {
        ...clock,
        every: (ms, task) => {
          let stopped = false
          const stop = clock.every(isThrottled ? Math.max(ms, 60_000) : ms, () =>
            run(() => void (stopped || task())),
          )
          return () => {
            stopped = true
            stop()
          }
        },
      },
      fetch: (url, init) => tabFetch(String(url), init, run, aborts),
      crash: () => {
        state = 'crashed'
        for (const abort of aborts) abort.abort()
        for (const request of requests) release(request)
      },
      hang: () => {
        state = 'hanging'
      },
      thaw: () => {
        state = 'running'
        for (const work of delayed.splice(0)) run(work)
      },
      throttle: () => {
        isThrottled = true
      },
      suspend: () => page?.suspend(),
      resume: () => page?.resume(),
      wake: () => page?.wake(),
    }
  }

  function openChannel(name: string, run: (work: () => void) => void): Channel {
    let isClosed = false
    const end = { name, receive }
    const channel: Channel = { onmessage: null, postMessage, close }
    channels.add(end)
    return channel

    function receive(data: unknown): void {
      // Tasks, as in a browser, and in order.
      setImmediate(() => run(() => void (isClosed || channel.onmessage?.({ data }))))
    }

    function postMessage(message: unknown): void {
      if (isClosed) throw new Error('The channel is closed.')
      for (const other of channels) {
        if (other !== end && other.name === name) other.receive(structuredClone(message))
      }
    }

    function close(): void {
      isClosed = true
      channels.delete(end)
    }
  }

  function tabLocks(
    run: (work: () => void) => void,
    requests: Set<LockRequest>,
    isDenied: boolean,
  ): Locks {
    return {
      request: (name, { signal, steal }, callback) =>
        new Promise((resolve, reject) => {
          if (isDenied) {
            reject(new DOMException('Locks are denied in this context.', 'SecurityError'))
            return
          }
          const grant = () =>
            new Promise<void>((done) => run(() => void callback().then(() => done())))
          const settle = (work: () => void) => run(() => setImmediate(() => run(work)))
          const request: LockRequest = {
            signal,
            grant,
            resolve: () => settle(() => resolve(undefined)),
            reject: (error) => settle(() => reject(error)),
          }
          requests.add(request)
          const lock = locks.get(name) ?? { waiting: [] }
          locks.set(name, lock)
          if (steal) {
            const { holder } = lock
            lock.holder = undefined
            lock.waiting.unshift(request)
            holder?.reject(new DOMException('Another took the lock.', 'AbortError'))
          } else lock.waiting.push(request)
          signal?.addEventListener('abort', () => {
            if (!lock.waiting.includes(request)) return
            lock.waiting.splice(lock.waiting.indexOf(request), 1)
            request.reject(new DOMException('Another took the lock.', 'AbortError'))
          })
          grantNext(lock)
        }),
    }
  }

  function grantNext(lock: LockState): void {
    if (lock.holder) return
    const next = lock.waiting.shift()
    if (!next) return
    lock.holder = next
    setImmediate(() => {
      if (lock.holder !== next) return
      void next.grant().then(() => {
        next.resolve()
        release(next)
      })
    })
  }

  function release(request: LockRequest): void {
    for (const lock of locks.values()) {
      if (lock.waiting.includes(request)) lock.waiting.splice(lock.waiting.indexOf(request), 1)
      if (lock.holder !== request) continue
      lock.holder = undefined
      grantNext(lock)
    }
  }

  async function tabFetch(
    url: string,
    init: RequestInit | undefined,
    run: (work: () => void) => void,
    aborts: Set<AbortController>,
  ): Promise<Response> {
    const abort = new AbortController()
    aborts.add(abort)
    const stop = () => abort.abort(init?.signal?.reason)
    if (init?.signal?.aborted) stop()
    init?.signal?.addEventListener('abort', stop)
    const response = await send(url, { ...init, signal: abort.signal })
    await new Promise<void>((resolve) => run(resolve))
    if (!response.body) return response
    const reader = response.body.getReader()
    abort.signal.addEventListener('abort', () => void reader.cancel().catch(() => {}))
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read()
          await new Promise<void>((resolve) => run(resolve))
          if (abort.signal.aborted) controller.error(new Error('The connection was lost.'))
          else if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel: () => reader.cancel(),
      },
      { highWaterMark: 0 },
    )
    return new Response(body, response)
  }
}
