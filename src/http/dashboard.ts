/** The page at `/`: one document, with a policy that lets its own style and script run and nothing else. */
import { Hono } from 'hono'
import { document } from './dashboard.generated.ts'

/** Makes the page. Its requests go to the routes beside it, wherever they are mounted. */
export function createDashboard(): Hono {
  let policy: Promise<string> | undefined
  return new Hono().get('/', async (c) => {
    policy ??= policyFor(document)
    c.header('Content-Security-Policy', await policy)
    c.header('Cache-Control', 'no-cache')
    return c.html(document)
  })
}

/** https://www.w3.org/TR/CSP3/ */
async function policyFor(html: string): Promise<string> {
  const directives = [
    "default-src 'none'",
    `style-src ${await sourceOf('style', html)}`,
    `script-src ${await sourceOf('script', html)}`,
    "connect-src 'self'",
    // The icon is in the document, too.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // Nothing in the page makes markup of a string, and nothing may.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]
  return directives.join('; ')
}

/** The hash of the one element of this name. */
async function sourceOf(name: 'style' | 'script', html: string): Promise<string> {
  const [, text = ''] = new RegExp(`<${name}[^>]*>([\\s\\S]*?)</${name}>`).exec(html) ?? []
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}'`
}
