/** The end of a connection, as a promise. For most, nobody waits: then it takes no memory. */

interface Ending {
  readonly promise: Promise<void>
  resolve(): void
}

const endings = new WeakMap<object, Ending>()

/** Returns a promise that resolves at the end of a connection, which has not come yet. */
export function endOf(connection: object): Promise<void> {
  const ending = endings.get(connection) ?? newEnding()
  endings.set(connection, ending)
  return ending.promise
}

/** Tells those who wait that a connection has ended. */
export function announceEnd(connection: object): void {
  endings.get(connection)?.resolve()
}

function newEnding(): Ending {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
