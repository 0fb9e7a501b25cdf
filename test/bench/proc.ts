/** CPU time and memory of a process and its children, as the operating system reports them. */
import { readFileSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick. */
const TICK_US = 10_000

/** CPU time of a process and its descendants, in microseconds. */
export function cpuUs(pid: number): number {
  return family(pid).reduce((sum, member) => sum + ownCpuUs(member), 0)
}

/** Memory of a process and its descendants, in kilobytes; what they share counts once for each. */
export function memoryKb(pid: number): number {
  return family(pid).reduce((sum, member) => sum + ownMemoryKb(member), 0)
}

/** CPU time of this process alone, in microseconds. */
export function ownCpuUs(pid: number | 'self'): number {
  const stat = read(`/proc/${pid}/stat`)
  // The name is in brackets and may contain anything; the fields come after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system] = [fields[11], fields[12]]
  return (Number(user ?? 0) + Number(system ?? 0)) * TICK_US
}

function ownMemoryKb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`)) ?? []
  return Number(kb ?? 0)
}

function family(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim()
  if (children === '') return [pid]
  return [pid, ...children.split(' ').flatMap((child) => family(Number(child)))]
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // The process is gone.
    return ''
  }
}
