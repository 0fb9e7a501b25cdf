/** What a page offers: channels and locks that all tabs share, and news of its own life. Other runtimes lack some of it. */

/** A `BroadcastChannel`. */
export interface Channel {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
}

/** The part of the Web Locks API that is used: https://www.w3.org/TR/web-locks/ */
export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    callback: () => Promise<unknown>,
  ): Promise<unknown>
}

/** What tabs need to share a stream. */
export interface Sharing {
  open(name: string): Channel
  readonly locks: Locks
}

/** What is known of the page's life. */
export interface PageEvents {
  /** The page is shown, or the network is back. */
  wake(): void
  /** The page is frozen or goes into the back/forward cache. */
  suspend(): void
  resume(): void
}

/** The page, or what stands for it. */
export interface Browser {
  /** @defaultValue undefined where tabs can't share a stream */
  readonly sharing?: Sharing | undefined
  /** Listens until the returned function is called. */
  listen(events: PageEvents): () => void
}

interface PageGlobals extends EventTarget {
  readonly BroadcastChannel?: new (name: string) => Channel
  readonly navigator?: { readonly locks?: Locks }
  readonly document?: EventTarget & { readonly visibilityState: string }
}

/** Returns what this page offers. */
export function thisBrowser(): Browser {
  const page = globalThis as unknown as PageGlobals
  const { BroadcastChannel, navigator, document } = page
  const locks = navigator?.locks
  return {
    sharing: document &&
      BroadcastChannel &&
      locks && { open: (name) => new BroadcastChannel(name), locks },
    listen: ({ wake, suspend, resume }) => {
      const stop = new AbortController()
      const on = (target: EventTarget | undefined, type: string, listener: () => void) =>
        target?.addEventListener(type, listener, stop)
      const window = document && page
      on(window, 'online', wake)
      on(window, 'pagehide', suspend)
      on(window, 'pageshow', resume)
      // https://wicg.github.io/page-lifecycle/
      on(document, 'freeze', suspend)
      on(document, 'resume', resume)
      on(document, 'visibilitychange', () => {
        if (document?.visibilityState === 'visible') wake()
      })
      return () => stop.abort()
    },
  }
}
