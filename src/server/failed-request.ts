/** Answers requests for which an app throws something, as Hono does for whatever is not an `Error`. */

/** Handles requests. */
type Handle<Rest extends unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * Wraps the fetch of an app: what it throws goes to `onError`, and the client receives a plain 500. Without it,
 * each runtime would do something else: log nothing, or send the stack.
 */
export function answerFailures<Rest extends unknown[]>(
  handle: Handle<Rest>,
  onError: (error: unknown) => void,
): Handle<Rest> {
  return (request, ...rest) => {
    try {
      const response = handle(request, ...rest)
      return response instanceof Promise ? response.catch(failed) : response
    } catch (error) {
      return failed(error)
    }
  }

  function failed(error: unknown): Response {
    onError(error)
    return new Response('Internal Server Error', { status: 500 })
  }
}
