/** Workers that may open no more files refuse connections, as one process does. */
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { eventually, until } from '../../support/eventually.ts'
import { startServer } from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'

/** With 64 in reserve, each of two workers accepts 136 connections. */
const OPEN_FILES = 200
const CONNECTIONS = 300

test('workers without free descriptors close a connection, report it, and accept again', async () => {
  const { file, args } = COMMANDS.node
  const limited = `ulimit -n ${OPEN_FILES}; exec "$0" "$@"`
  const command = { file: 'bash', args: ['-c', limited, file, ...args] }
  const server = await startServer(command, { CLOCK_SECONDS: '0', WORKERS: '2' })
  const sockets: Socket[] = []
  const closeAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(async () => {
    closeAll()
    await server.kill()
  })
  const failures = () => server.lines.filter((line) => line.includes('could not be accepted'))
  // One after another, so that the first process, which hands them out, does not hold many.
  while (sockets.length < CONNECTIONS) {
    await new Promise<void>((resolve) => sockets.push(openSocket(server.url, resolve)))
  }
  expect(sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(0)
  await until('each has reported it', () => failures().length === 2)
  closeAll()
  await eventually(async () => expect((await fetch(`${server.url}/healthz`)).status).toBe(200))
})

/** A connection with a request. @param onOutcome - called when that is answered, or when the connection is closed */
function openSocket(url: string, onOutcome: () => void): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  socket.once('data', onOutcome).once('close', onOutcome)
  // It may be reset.
  return socket.on('error', () => {})
}
