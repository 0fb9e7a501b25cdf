/** How the tests run: two files at a time, because that is how many cores a small machine has. */
import { defineConfig } from 'vitest/config'

/** Suites that start servers and talk to them through sockets. */
const systems = [
  'runtime',
  'hardening',
  'clients',
  'soak',
  'streams',
  'journal',
  'cluster',
  'recipes',
].map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    reporters: process.env.CI
      ? ['default', ['json', { outputFile: 'coverage/report.json' }]]
      : ['default'],
    projects: [
      {
        extends: true,
        test: { name: 'units', include: ['test/**/*.test.ts'], exclude: systems },
      },
      {
        extends: true,
        // Real sockets on a machine that is busy with something else: one bad moment is no defect.
        test: { name: 'systems', include: systems, retry: process.env.CI ? 2 : 0 },
      },
    ],
  },
})
