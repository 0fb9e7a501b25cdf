/** Browsing: the page is at `/`, the same on every runtime. */
import { expect, test } from 'vitest'
import { document } from '../../../src/http/dashboard.generated.ts'
import { VERSION } from '../../../src/http/openapi/document.ts'
import type { RuntimePool } from './runtime.ts'

/** How the page is served. */
export function browsing(pool: RuntimePool): void {
  test('the page is served at /, with a policy that lets nothing else run', async () => {
    const { url } = await pool.shared()
    const response = await fetch(`${url}/`)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')?.toLowerCase()).toBe('text/html; charset=utf-8')
    const policy = response.headers.get('Content-Security-Policy')
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; /)
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(await response.text()).toBe(document.replace('%VERSION%', VERSION))
  })
}
