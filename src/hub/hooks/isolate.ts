/** Calls functions of the application so that their errors can't interrupt the caller. */

/** Calls a function and reports what it throws, now or later. */
export function isolate(call: () => unknown, report: (error: unknown) => void): void {
  try {
    const result = call()
    if (isThenable(result)) Promise.resolve(result).catch(report)
  } catch (error) {
    report(error)
  }
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
