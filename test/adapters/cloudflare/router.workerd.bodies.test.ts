/** Requests that need no body and have one: some clients send `Content-Length: 0` with every request. */
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, expect, test, vi } from 'vitest'
import { createWorkerStorage } from '../../support/worker/edge.ts'

vi.setConfig({ testTimeout: 60_000 })

const disk = createWorkerStorage()
afterAll(disk.remove)

/** More than workerd buffers. */
const LARGE = 1_000_000

const REQUESTS = [
  ['GET', '/clients'],
  ['GET', '/clients/alice'],
  ['GET', '/topics/news'],
  ['GET', '/metrics'],
  ['GET', '/readyz'],
  ['GET', '/sse?id=bob'],
  ['HEAD', '/sse?id=bob'],
  ['DELETE', '/clients/alice'],
  ['DELETE', '/clients/alice?block=1'],
] as const

function statusOf(url: string, method: string, bytes: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Length': bytes }
    const sent = request(url, { method, headers }, (response) => {
      resolve(response.statusCode)
      sent.destroy()
    })
    sent.once('error', reject)
    sent.end('x'.repeat(bytes))
  })
}

/** The status line of the response to a body that ends before its length is reached. */
function statusOfCutBody(url: string, path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url)
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`
    let text = ''
    const socket = connect(Number(port), '127.0.0.1', () => socket.end(`${head}[{"to":`))
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (!text.includes('\r\n')) return
      resolve(text.split('\r\n')[0])
      socket.destroy()
    })
    socket.once('error', reject).once('close', () => resolve(undefined))
  })
}

test.each(['1', '3'])('a body that breaks off leads to 400 (shards: %s)', async (HUB_SHARDS) => {
  const { url } = await disk.start({ HUB_SHARDS })
  for (const path of ['/clients/alice', '/broadcast', '/publish']) {
    const status = await statusOfCutBody(url, path)
    expect([path, status]).toEqual([path, 'HTTP/1.1 400 Bad Request'])
  }
})

test.each(['1', '3'])('a body that nothing reads does no harm (shards: %s)', async (HUB_SHARDS) => {
  const { url } = await disk.start({ HUB_SHARDS })
  for (const bytes of [0, 2, LARGE]) {
    for (const [method, path] of REQUESTS) {
      const status = await statusOf(url + path, method, bytes)
      expect([method, path, bytes, status]).toEqual([method, path, bytes, 200])
    }
  }
})
