/** Abort signals: how an application ends what it has started. */

interface Listener {
  readonly tasks: Set<() => void>
  readonly run: () => void
}

/** One listener for each signal: Node warns of more than ten, and a session may have more streams. */
const listeners = new WeakMap<AbortSignal, Listener>()

/**
 * Calls `task` when the signal is aborted, or at once if it is already. Returns a function that makes the
 * signal forget it.
 */
export function onAborted(signal: AbortSignal, task: () => void): () => void {
  if (signal.aborted) {
    task()
    return () => {}
  }
  const { tasks, run } = listeners.get(signal) ?? listenTo(signal)
  tasks.add(task)
  return () => {
    // Forgotten before: the signal may have another listener since.
    if (!tasks.delete(task) || tasks.size > 0) return
    signal.removeEventListener('abort', run)
    listeners.delete(signal)
  }
}

function listenTo(signal: AbortSignal): Listener {
  const tasks = new Set<() => void>()
  const run = () => {
    for (const task of tasks) task()
  }
  signal.addEventListener('abort', run, { once: true })
  const listener = { tasks, run }
  listeners.set(signal, listener)
  return listener
}
