/** Calls functions of the application so that their errors can't interrupt the caller. */

/**
 * Calls a function and reports what it throws, now or later.
 * @returns a promise if the function does, which resolves when that one has settled
 */
export function isolate(
  call: () => unknown,
  report: (error: unknown) => void,
): Promise<unknown> | undefined {
  try {
    const result = call()
    if (isThenable(result)) return Promise.resolve(result).catch(report)
  } catch (error) {
    report(error)
  }
  return undefined
}

/** Wraps a function that receives errors: its own go to `console.error`. @param report - default `console.error` */
export function isolatedReport<Rest extends unknown[]>(
  report: ((error: unknown, ...rest: Rest) => unknown) | undefined,
): (error: unknown, ...rest: Rest) => void {
  const call = report ?? ((error: unknown) => console.error(error))
  return (...args) => isolate(() => call(...args), console.error)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}
