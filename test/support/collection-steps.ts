/** Counts the elements that loops read of maps and sets: how much work something does, whatever the time it takes. */

const PROTOTYPES = [new Map().keys(), new Set().keys()].map((iterator) => {
  return Object.getPrototypeOf(iterator) as { next(): unknown }
})

/** Returns how many elements of maps and sets were read until the work was done. Nothing else may run meanwhile. */
export async function countSteps(work: () => unknown): Promise<number> {
  let steps = 0
  const originals = PROTOTYPES.map(({ next }) => next)
  for (const [at, prototype] of PROTOTYPES.entries()) {
    prototype.next = function (this: unknown) {
      steps += 1
      return originals[at]?.call(this as never)
    }
  }
  try {
    await work()
  } finally {
    for (const [at, prototype] of PROTOTYPES.entries()) {
      const next = originals[at]
      if (next) prototype.next = next
    }
  }
  return steps
}
