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
    callback: () => Promise<void>,
  ): Promise<void>
}

/** What is known of the page's life. */
export interface PageEvents {
  /** The page is shown, or the network is back. */
  onWake(): void
  /** The page is frozen or goes into the back/forward cache. */
  onSuspend(): void
  onResume(): void
}

/** The page, or what stands for it. */
export interface Browser {
  /** @defaultValue undefined where tabs can't share a stream */
  readonly sharing?: { open(name: string): Channel; readonly locks: Locks } | undefined
  /** Listens until the returned function is called. */
  listen(events: PageEvents): () => void
}

interface PageGlobals {
  readonly BroadcastChannel?: new (name: string) => Channel
  readonly navigator?: { readonly locks?: Locks }
  readonly document?: EventTarget & { readonly visibilityState: string }
  readonly addEventListener?: EventTarget['addEventListener']
  readonly removeEventListener?: EventTarget['removeEventListener']
}

/** Returns what this page offers. */
export function thisBrowser(): Browser {
  const page = globalThis as unknown as PageGlobals
  const { BroadcastChannel, navigator, document } = page
  const locks = navigator?.locks
  const isPage = document !== undefined
  return {
    sharing:
      isPage && BroadcastChannel && locks
        ? { open: (name) => new BroadcastChannel(name), locks }
        : undefined,
    listen: (events) =>
      document ? listen(page as EventTarget & PageGlobals, document, events) : () => {},
  }
}

function listen(
  window: EventTarget,
  document: EventTarget & { readonly visibilityState: string },
  { onWake, onSuspend, onResume }: PageEvents,
): () => void {
  const stop = new AbortController()
  const { signal } = stop
  window.addEventListener('online', onWake, { signal })
  window.addEventListener('pagehide', onSuspend, { signal })
  window.addEventListener('pageshow', onResume, { signal })
  // https://wicg.github.io/page-lifecycle/
  document.addEventListener('freeze', onSuspend, { signal })
  document.addEventListener('resume', onResume, { signal })
  document.addEventListener(
    'visibilitychange',
    () => {
      if (document.visibilityState === 'visible') onWake()
    },
    { signal },
  )
  return () => stop.abort()
}
