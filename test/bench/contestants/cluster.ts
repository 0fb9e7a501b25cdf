/** Two Node instances on one Redis, as one contestant: publish at PORT, listen at PORT + 1. */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'

const PORT = Number(process.env.PORT)
const REDIS_PORT = String(PORT + 2)

const children: ChildProcess[] = []
process.once('SIGTERM', () => {
  for (const child of children) child.kill('SIGKILL')
  process.exit()
})

begin('redis-server', ['--port', REDIS_PORT, '--bind', '127.0.0.1', '--save', ''], {})
await accepting(Number(REDIS_PORT))
const REDIS_URL = `redis://127.0.0.1:${REDIS_PORT}`
// The first listens last: then both are ready.
for (const port of [PORT + 1, PORT]) {
  begin(process.execPath, ['dist/node.js'], { REDIS_URL, PORT: String(port) })
  await accepting(port)
}

function begin(file: string, args: readonly string[], env: Record<string, string>): void {
  children.push(spawn(file, args, { env: { ...process.env, ...env }, stdio: 'ignore' }))
}

async function accepting(port: number): Promise<void> {
  while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 50))
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
