/** How Stryker mutates the code of one folder. */
import { code } from './folders.mjs'

export default {
  mutate: [code],
  plugins: ['@stryker-mutator/vitest-runner', './test/mutation/ignore.mjs'],
  ignorers: ['messages'],
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.mjs', related: false },
  tsconfigFile: 'none: TypeScript 7 has no API to rewrite it with',
  concurrency: 2,
  timeoutMS: 5000,
  reporters: ['clear-text', 'progress-append-only', 'json'],
  clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
  jsonReporter: { fileName: `coverage/mutation-${process.env.FOLDER}.json` },
  eventReporter: { baseDir: 'coverage/mutation-events' },
  tempDirName: 'coverage/mutation',
  ignorePatterns: ['dist', 'docs', 'deploy', 'coverage'],
}
