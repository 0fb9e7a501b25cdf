/** The stream of a page: alone or shared, it follows the page into the cache and back. */

/** A stream that can be closed while its page is frozen or cached, and opened again. */
export interface SuspendableStream {
  /** The page or the network has come back. */
  wake(): void
  close(): void
  suspend(): void
  resume(): void
}
