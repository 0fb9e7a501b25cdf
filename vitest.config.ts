/** How the tests run: two files at a time, because that is how many cores a small machine has. */
import { defineConfig } from 'vitest/config'

const { CI, REPORT = 'report' } = process.env

/** Suites that start servers, browsers or other programs and talk to them through sockets. */
const systems = [
  'test/system/**/*.test.ts',
  'test/adapters/node/*.test.ts',
  'test/adapters/cloudflare/{index,resharding.deploy,router.workerd}*.test.ts',
  'test/journal/{redis,sqlite}/*.test.ts',
  'test/cli/*.test.ts',
  'test/dashboard/*.test.ts',
]

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    reporters: CI ? ['default', ['json', { outputFile: `coverage/${REPORT}.json` }]] : ['default'],
    projects: [
      {
        extends: true,
        test: { name: 'units', include: ['test/**/*.test.ts'], exclude: systems },
      },
      {
        extends: true,
        // Real sockets on a machine that is busy with something else: one bad moment is no defect.
        test: { name: 'systems', include: systems, retry: CI ? 2 : 0 },
      },
    ],
  },
})
