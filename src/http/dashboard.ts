/** The dashboard: one document at `/`, whose Content-Security-Policy allows only its own style and script. */
import { Hono } from 'hono'
import { document as template } from './dashboard.generated.ts'
import { VERSION } from './openapi/document.ts'

const document = template.replace('%VERSION%', VERSION)

/** Creates the dashboard. It uses the routes next to it, wherever the app is mounted. */
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
    // The icon is embedded in the document.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // The page never turns a string into markup; the browser enforces it.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]
  return directives.join('; ')
}

/** The hash of the only element with this name. */
async function sourceOf(name: 'style' | 'script', html: string): Promise<string> {
  const [, text = ''] = new RegExp(`<${name}[^>]*>([\\s\\S]*?)</${name}>`).exec(html) ?? []
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}'`
}
