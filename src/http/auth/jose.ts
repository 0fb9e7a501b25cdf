/** Loads the package `jose` for those who accept tokens or issue tickets: other apps do without it. */

let loading: Promise<typeof import('jose')> | undefined

/** Resolves with the package. */
export function loadJose(): Promise<typeof import('jose')> {
  loading ??= import('jose').catch((error: unknown) => {
    loading = undefined
    throw error
  })
  return loading
}

/** Loads the package in advance: later, a busy server may have no file descriptor left to read it. */
export function preloadJose(): void {
  loadJose().catch(() => {}) // The first token or ticket then reports the error.
}
