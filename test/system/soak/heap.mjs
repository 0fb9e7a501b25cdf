/** Loaded into a server under test: at SIGUSR2 it writes how many bytes of heap are in use to stderr. */
process.on('SIGUSR2', () => {
  // Twice: what the first leaves to finalizers, the second frees.
  globalThis.gc()
  globalThis.gc()
  process.stderr.write(`heap ${process.memoryUsage().heapUsed}\n`)
})
