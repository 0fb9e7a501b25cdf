/** How the tests run: what starts servers and waits for them shares two cores three files at a time. */
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

const { CI, REPORT = 'report' } = process.env

/** Tests that start servers, browsers or other programs and talk to them through sockets. */
const system = [
  'test/system/**/*.test.ts',
  'test/faults/faults.test.ts',
  'test/adapters/{bun,node}/*.test.ts',
  'test/http/openers/*.test.ts',
  'test/adapters/cloudflare/{index,resharding.deploy,router.workerd}*.test.ts',
  'test/journal/{redis,sqlite}/**/*.test.ts',
  'test/cli/**/*.test.ts',
  'test/client/*.chromium.test.ts',
  'test/server/{certificate,listening,run,serving,stopping}*.test.ts',
  'test/server/workers/first.test.ts',
  'test/dashboard/*.test.ts',
]

export default defineConfig({
  test: {
    globalSetup: 'test/support/temporary-folder.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: CI ? ['default', ['json', { outputFile: `coverage/${REPORT}.json` }]] : ['default'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: system,
          // Importing costs more than testing: files of a worker share what they import.
          pool: 'threads',
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: system,
          setupFiles: 'test/support/short-keep-alive.ts',
          // Many of them wait for real time; with three, the others keep two cores busy.
          maxWorkers: 3,
          maxConcurrency: 4,
          sequence: { groupOrder: 1 },
          // Tests wait for conditions: on a busy machine these take longer, and are no less true.
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
