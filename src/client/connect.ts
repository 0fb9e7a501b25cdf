/** `connect`: opens a stream once its options are valid. */
import type { EventSchemas } from '../core/declared-events.ts'
import { type ClientOptions, type ClientStream, openClientStream } from './client-stream.ts'
import { checkClientOptions } from './options/check-client-options.ts'

/**
 * Opens a stream.
 * @throws {TypeError} when `url` is missing, an option is unknown, or a value can't be used
 */
export function connect<const S extends EventSchemas = Record<never, never>>(
  options: ClientOptions<S>,
): ClientStream<S> {
  checkClientOptions(options)
  return openClientStream(options)
}
