/** Reserves file descriptors for files, pipes and Redis, and reports when connections have used up the rest. */
import cluster from 'node:cluster'
import type { Server, Socket } from 'node:net'

/** Descriptors for files, pipes, Redis and the runtime itself. If the limit is below twice this number, half of it. */
const RESERVED = 64

/** Milliseconds between two reports. */
const REPORT_MS = 60_000

/**
 * Bounds the connections of a server by the open files that the process may have. Beyond the bound,
 * Node closes a new connection at once; without it, connections would use up every descriptor.
 * @param report - called at the first connection that is refused, and then at most once a minute
 */
export function reserveDescriptors(server: Server, report: (error: Error) => void): void {
  const limit = openFilesLimit()
  if (limit === undefined) return
  const max = limit - Math.min(RESERVED, Math.ceil(limit / 2))
  let reported = false
  if (cluster.isWorker) closeBeyond(server, max, onRefused)
  else {
    server.maxConnections = max
    server.on('drop', onRefused)
  }

  function onRefused(): void {
    if (reported) return
    reported = true
    report(
      new Error(
        `A connection was refused because this process may open only ${limit} files: raise the limit, for example with ulimit -n or LimitNOFILE=.`,
      ),
    )
    setTimeout(() => {
      reported = false
    }, REPORT_MS).unref()
  }
}

/**
 * The same for a process of `node:cluster`. Beyond `maxConnections`, Node would hand a connection to another process,
 * and when all are full, from one to the next without end: its client would wait, and all cores be busy.
 */
function closeBeyond(server: Server, max: number, onRefused: () => void): void {
  let open = 0
  server.on('connection', (socket: Socket) => {
    open += 1
    socket.once('close', () => {
      open -= 1
    })
    if (open <= max) return
    socket.destroy()
    onRefused()
  })
}

/** Returns the limit of open files; undefined if there is none. */
function openFilesLimit(): number | undefined {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft: number | 'unlimited' } }
  }
  const limit = userLimits?.open_files?.soft
  return typeof limit === 'number' ? limit : undefined
}
