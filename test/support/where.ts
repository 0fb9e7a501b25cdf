/** Tests that apply to some runtimes only: elsewhere they don't exist, rather than count as skipped. */
import { type TestFunction, test } from 'vitest'

/** Defines a test where it applies. */
export function testWhere(
  applies: boolean,
): (name: string, body: TestFunction, ms?: number) => void {
  return applies ? (name, body, ms) => test(name, body, ms) : () => {}
}
