/** How tests run under mutation: in one process, without the random plans, which take seconds. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { tests } from './folders.mjs'

export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^\.\/sqlite-worker\.ts$/,
        replacement: fileURLToPath(new URL('sqlite-worker.mjs', import.meta.url)),
      },
    ],
  },
  test: {
    include: [tests],
    // The latter start several servers each, and wait for real time.
    exclude: ['test/hub/hub.random.test.ts', '**/*.{failover,read-only,sentinel}.test.ts'],
    testTimeout: 120_000,
    pool: 'threads',
    isolate: false,
  },
})
