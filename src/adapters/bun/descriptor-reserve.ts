/** Reserves file descriptors for files, pipes and Redis, and detects when connections have used up the rest. */
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'

/** Descriptors for files, pipes, Redis and the runtime itself. */
const RESERVED = 32

/** Descriptors that connections can't take, because they are open. */
export interface DescriptorReserve {
  /** Whether the process can't open a file, although it holds the reserve. */
  isExhausted(): boolean
  /** Lets the process use the reserved descriptors. */
  release(): void
  /** Reserves them again. Returns false while fewer than twice as many are free. */
  refill(): boolean
}

/** Opens the reserve. */
export function createReserve(): DescriptorReserve {
  let held = openMany(RESERVED)
  return { isExhausted, release, refill }

  function isExhausted(): boolean {
    const probe = openMany(1)
    closeAll(probe)
    return probe.length === 0
  }

  function release(): void {
    closeAll(held)
    held = []
  }

  function refill(): boolean {
    if (held.length > 0) return true
    const opened = openMany(2 * RESERVED)
    const isEnough = opened.length === 2 * RESERVED
    if (isEnough) held = opened.splice(RESERVED)
    closeAll(opened)
    return isEnough
  }
}

/** Opens up to `count` descriptors, and fewer when no more are free. */
function openMany(count: number): number[] {
  const opened: number[] = []
  try {
    while (opened.length < count) opened.push(openSync(devNull, 'r'))
  } catch {
    // The process may open no more files.
  }
  return opened
}

function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor)
}
