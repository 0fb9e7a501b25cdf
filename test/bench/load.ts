/** The load client: does one job, prints its figures as one line of JSON, and ends. */
import type { Answer, Job } from './job.ts'
import { scenarios } from './load/scenarios.ts'
import { nowUs } from './load/sockets.ts'
import { ownCpuUs } from './proc.ts'

const job = JSON.parse(process.argv[2] ?? '') as Job

async function answer(): Promise<Answer> {
  const [startUs, startCpu] = [nowUs(), ownCpuUs('self')]
  try {
    const figures = await scenarios[job.scenario](job)
    // How busy this client was: near 1, the client itself would be the bottleneck.
    const clientCpuShare = (ownCpuUs('self') - startCpu) / (nowUs() - startUs)
    return { figures: { ...figures, clientCpuShare } }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

process.stdout.write(`${JSON.stringify(await answer())}\n`)
process.exit(0)
