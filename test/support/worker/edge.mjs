/**
 * Runs the Workers adapter in workerd, offline. `PERSIST` is the folder of its objects' storage;
 * `ENTRYPOINT` is a file to run instead of `main` in wrangler.toml.
 */
import { startWorker } from './start.mjs'

const { PATH, HOME, PERSIST, ENTRYPOINT = 'src/worker.ts', ...variables } = process.env

console.log(await startWorker(ENTRYPOINT, variables, PERSIST))
