/** The processes that a process has started, on Linux. */
import { readFileSync } from 'node:fs'

/** The ids of the children of a process. https://man7.org/linux/man-pages/man5/proc.5.html */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}
