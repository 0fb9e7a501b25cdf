/**
 * Loaded into a server on Node under test, with `--expose-gc`: at SIGUSR2 it writes to stderr how many
 * bytes are in use, without garbage: on the heap, and outside of it in buffers.
 */
process.on('SIGUSR2', () => {
  // Twice: what the first leaves to finalizers, the second frees.
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  process.stderr.write(`heap ${heapUsed} external ${external}\n`)
})
