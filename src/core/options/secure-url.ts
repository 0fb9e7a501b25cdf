/** URLs that the hub sends requests to: nobody on the way can read or change them. */

const LOOPBACK = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\]|::1)$/i

/** Whether a host name or address refers to this machine. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host)
}

/** The rule of {@link isSecureUrl} in words. */
export const SECURE_URL_RULE = 'must be an https URL without user and password'

/** Plain http can be read and forged on the way, unless it stays on this machine. */
export function isSecureUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  // No runtime fetches a URL with credentials, and the error would repeat them.
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}
