/** Counts the open files of this process on Linux, for runtimes that may read /proc without asking. */
import { readFileSync, statSync } from 'node:fs'
import type { OpenFiles } from './process-metrics.ts'

/**
 * Returns a function that counts the open files, without listing them: a list of fifty thousand would stop
 * the event loop. The function returns undefined on other systems, and on Linux before 6.2.
 * @param proc - the folder of the process. @defaultValue `/proc/self`
 */
export function openFilesCounter(proc = '/proc/self'): () => OpenFiles | undefined {
  const max = limitIn(proc)
  return () => {
    // The size of the folder is the number of its entries. https://kernelnewbies.org/Linux_6.2
    const open = attemptRead(() => statSync(`${proc}/fd`).size) ?? 0
    return open > 0 ? { open, max } : undefined
  }
}

function limitIn(proc: string): number | undefined {
  const limits = attemptRead(() => readFileSync(`${proc}/limits`, 'utf8')) ?? ''
  const [, limit] = /^Max open files +(\d+)/m.exec(limits) ?? []
  return limit === undefined ? undefined : Number(limit)
}

/** Returns undefined where there is no such folder, or where it is hidden. */
function attemptRead<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
