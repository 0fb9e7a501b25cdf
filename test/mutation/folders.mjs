/** The folders whose code is mutated, each with the tests that must notice. FOLDER names one of them. */

const FOLDERS = {
  core: ['src/core/**/*.ts', 'test/core/**/*.test.ts'],
  hub: ['src/hub/**/*.ts', 'test/hub/**/*.test.ts'],
  memory: [
    'src/journal/{*,memory/*,conformance/*}.ts',
    'test/journal/{*,memory/*,conformance/*}.test.ts',
  ],
  sqlite: ['src/journal/sqlite/**/*.ts', 'test/journal/sqlite/**/*.test.ts'],
  // Each part of the journal by itself: these tests start no Redis.
  redis: [
    'src/journal/redis/{batch,catch-up,connection,options,reads,reconnect,redis-url,replies,{control,pubsub}/*}.ts',
    'test/journal/redis/{batch,catch-up,connection,options,reads.turns,reconnect,redis-url{,.primary},replies,control/{members,requests.{messages,silence},stored-requests.parts},pubsub/{addresses.channels,channels,feed,inbound.holding}}.test.ts',
  ],
}

const chosen = FOLDERS[process.env.FOLDER]
if (!chosen) throw new Error(`FOLDER must be one of ${Object.keys(FOLDERS).join(', ')}.`)

/** Globs of the code and of its tests. */
export const [code, tests] = chosen
