/** Splits a batch among shards: each gets the lines that concern it, in order, and their results become those of the batch. */
import type { Addresses } from '../../../core/address.ts'
import { isHubError } from '../../../core/errors.ts'
import { decodeUtf8, fromJson } from '../../../http/middleware/readers.ts'
import {
  addressesOf,
  type BatchProblem,
  type BatchResult,
  Recipients,
} from '../../../http/schemas/batches.ts'
import { isRefusal } from '../failures.ts'
import { hasKey } from '../refusals.ts'
import { partsOf } from '../sharding.ts'
import {
  joinLines,
  mergeResults,
  resultInLine,
  resultOfFailure,
  UNCONFIRMED,
} from './line-results.ts'

type Line = Uint8Array

/** A line, and the shard that it is sent to. */
type Part = readonly [shard: number, line: Line]

/** What splitting a batch requires. */
export interface BatchSplitterInit {
  /** The number of shards. */
  readonly count: number
  /** Whether each line names its recipients; otherwise each concerns all shards. */
  readonly isAddressed: boolean
  /** Sends lines to a shard, and resolves with its response, which is read to its end. */
  ask(shard: number, lines: Uint8Array<ArrayBuffer>): Promise<Response>
  /** Receives the reason why a shard is unavailable. */
  report(error: unknown): void
}

/** Publishes lines on several shards. */
export interface BatchSplitter {
  /**
   * Publishes lines, and resolves with their results in order.
   * @throws {BatchRefusal} if these are the first lines, and a shard refuses the request
   */
  publishAll(lines: readonly Line[]): Promise<readonly BatchResult[]>
  /** The first response of a shard that accepted lines, without its body. */
  readonly accepted: Response | undefined
}

/** Thrown for a batch that a shard refuses as a whole, as every other one would: its response is that of the batch. */
export class BatchRefusal extends Error {
  override readonly name: string = 'BatchRefusal'
  readonly response: Response

  constructor(response: Response) {
    super('a shard has refused the batch')
    this.response = response
  }
}

/** Creates the splitter of one batch. */
export function createBatchSplitter(init: BatchSplitterInit): BatchSplitter {
  const { count, isAddressed, ask, report } = init
  const everywhere = Array.from({ length: count }, (_, shard) => shard)
  let accepted: Response | undefined
  let hasBegun = false
  return {
    publishAll,
    get accepted() {
      return accepted
    },
  }

  async function publishAll(lines: readonly Line[]): Promise<readonly BatchResult[]> {
    const parts = lines.map((line) => (isAddressed ? partsOfLine(line) : toAll(line)))
    const shares = new Map<number, Line[]>()
    for (const [shard, line] of parts.flat()) {
      const share = shares.get(shard)
      if (share) share.push(line)
      else shares.set(shard, [line])
    }
    const refused: Response[] = []
    const results = new Map<number, Iterator<BatchResult, undefined>>()
    const sent = [...shares].map(async ([shard, share]) => {
      results.set(shard, (await resultsOf(shard, share, refused)).values())
    })
    await Promise.all(sent)
    // Later, the response has its status.
    if (!accepted && !hasBegun && refused[0]) throw new BatchRefusal(refused[0])
    hasBegun = true
    return parts.map((some, index) => {
      const all = some.map(([shard]) => results.get(shard)?.next().value ?? UNCONFIRMED)
      return mergeResults(all, () => hasKey(lines[index] ?? NO_LINE))
    })
  }

  /** Undefined if the topics have too many levels. */
  function partsOrNone(to: Recipients): ReturnType<typeof partsOf> | undefined {
    try {
      return partsOf(addressesOf(to), count)
    } catch (error) {
      if (!isHubError(error)) throw error
      return undefined
    }
  }

  function toAll(line: Line): readonly Part[] {
    return everywhere.map((shard) => [shard, line])
  }

  /** A line that is invalid goes to the first shard, whose result says why. */
  function partsOfLine(line: Line): readonly Part[] {
    const event = eventIn(line)
    if (!event) return [[0, line]]
    if (Object(event.to).client === undefined) return toAll(line)
    const parts = partsOrNone(event.to)
    if (!parts) return [[0, line]]
    if (parts.length === 1) return [[parts[0][0], line]]
    return parts.map(([shard, addresses]) => {
      return [shard, encoder.encode(JSON.stringify({ ...event, to: recipientsOf(addresses) }))]
    })
  }

  async function resultsOf(
    shard: number,
    lines: readonly Line[],
    refused: Response[],
  ): Promise<readonly BatchResult[]> {
    try {
      const response = await ask(shard, joinLines(lines))
      if (!response.ok) {
        if (isRefusal(response)) refused.push(response.clone())
        const problem = (await response.json()) as BatchProblem
        return lines.map(() => problem)
      }
      accepted ??= new Response(null, response)
      const answers = (await response.text()).trim().split('\n').map(resultInLine)
      // A shard that shuts down ends early: its last answer is about all lines that follow.
      return lines.map((_, index) => answers[index] ?? answers.at(-1) ?? UNCONFIRMED)
    } catch (error) {
      report(error)
      const failure = resultOfFailure(error)
      return lines.map(() => failure)
    }
  }
}

const encoder = new TextEncoder()

const NO_LINE = new Uint8Array(0)

/** An event with valid recipients; undefined for any other line. */
function eventIn(line: Line): { readonly to: Recipients } | undefined {
  try {
    const event = fromJson(decodeUtf8(line) ?? '') as { readonly to: Recipients }
    return Recipients.safeParse(event.to).success ? event : undefined
  } catch {
    return undefined
  }
}

function recipientsOf(addresses: Addresses): Recipients {
  const list = [addresses].flat()
  const client = list.flatMap((one) => Object(one).client ?? [])
  const topic = list.flatMap((one) => Object(one).topic ?? [])
  if (client.length === 0) return { topic }
  return topic.length === 0 ? { client } : { client, topic }
}
