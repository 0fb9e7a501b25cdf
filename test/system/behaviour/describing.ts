/** Describing: the interface has an OpenAPI document on every runtime. */
import { expect, test } from 'vitest'
import type { RuntimePool } from './runtime.ts'

/** How a runtime describes its interface. */
export function describing(pool: RuntimePool): void {
  test('the OpenAPI document is served, and its server is the requested one', async () => {
    const { url } = await pool.shared()
    const response = await fetch(`${url}/openapi.json`)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    const document = (await response.json()) as {
      openapi: string
      servers: { url: string }[]
      paths: object
    }
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(new URL(document.servers[0]?.url ?? '', response.url).href).toBe(`${url}/`)
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/sse', '/clients/{id}', '/topics/{topic}', '/broadcast']),
    )
  })
}
