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
import { LateError } from '../deadline.ts'
import { isRefusal } from '../failures.ts'
import { hasKey } from '../refusals.ts'
import { partsOf } from '../sharding.ts'
import {
  joinLines,
  mergeResults,
  resultInLine,
  resultOfFailure,
  SHARD_UNAVAILABLE,
  UNCONFIRMED,
} from './line-results.ts'

type Line = Uint8Array

/** The part of a line for one shard. It is made when it is sent: a line may have hundreds of them. */
interface Part {
  readonly shard: number
  /** About how long it is. */
  readonly bytes: number
  make(): Line
}

/** The parts for one shard. */
interface Share {
  readonly shard: number
  readonly parts: Part[]
  bytes: number
}

/** Bytes that are sent to shards at the same time, unless one shard gets more: a Worker has 128 MB. */
const MAX_BYTES_SENT = 16_777_216

/** What splitting a batch requires. */
export interface BatchSplitterInit {
  /** The number of shards. */
  readonly count: number
  /** Whether each line names its recipients; otherwise each concerns all shards. */
  readonly isAddressed: boolean
  /** The maximum number of bytes of a line. */
  readonly maxLineBytes: number
  /** Sends lines to a shard, and resolves with its response, which is read to its end. */
  ask(shard: number, lines: Uint8Array<ArrayBuffer>): Promise<Response>
  /** Receives the reason why a shard is unavailable. */
  report(error: unknown): void
}

/** Publishes lines on several shards. */
export interface BatchSplitter {
  /**
   * Publishes lines, and resolves with their results in order. One that is too long is undefined.
   * @throws {BatchRefusal} if these are the first lines, and a shard refuses the request
   */
  publishAll(lines: readonly (Line | undefined)[]): Promise<readonly BatchResult[]>
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
  const { count, isAddressed, maxLineBytes, ask, report } = init
  const everywhere = Array.from({ length: count }, (_, shard) => shard)
  let accepted: Response | undefined
  let hasBegun = false
  /** Shards that were silent for ten seconds: they get no further lines, as each chunk would wait for them again. */
  const silent = new Set<number>()
  return {
    publishAll,
    get accepted() {
      return accepted
    },
  }

  async function publishAll(lines: readonly (Line | undefined)[]): Promise<readonly BatchResult[]> {
    const parts = lines.map(partsOfLine)
    const results = await resultsOfShares(sharesOf(parts.flat()))
    hasBegun = true
    return parts.map((some, index) => {
      const all = some.map(({ shard }) => results.get(shard)?.next().value ?? UNCONFIRMED)
      return mergeResults(all, () => hasKey(lines[index] ?? NO_LINE))
    })
  }

  /** Sends the shares. Until a shard has accepted one, the first is sent alone: the request may be refused. */
  async function resultsOfShares(
    shares: readonly Share[],
  ): Promise<ReadonlyMap<number, Iterator<BatchResult, undefined>>> {
    const refused: Response[] = []
    const results = new Map<number, Iterator<BatchResult, undefined>>()
    const send = async (share: Share) => {
      results.set(share.shard, (await resultsOf(share, refused)).values())
    }
    const [first, ...others] = shares
    if (accepted || !first) {
      await sendAll(shares, send)
      return results
    }
    await send(first)
    // Later, the response has its status.
    if (!hasBegun && refused[0]) throw new BatchRefusal(refused[0])
    await sendAll(others, send)
    if (!accepted && !hasBegun && refused[0]) throw new BatchRefusal(refused[0])
    return results
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

  /** A line that is invalid goes to the first shard, whose result says why. */
  function partsOfLine(line: Line | undefined): readonly Part[] {
    if (!line) return [{ shard: 0, bytes: maxLineBytes, make: () => tooLong(maxLineBytes) }]
    const bytes = line.byteLength
    const whole = (shard: number): Part => ({ shard, bytes, make: () => line })
    if (!isAddressed) return everywhere.map(whole)
    const event = eventIn(line)
    if (!event) return [whole(0)]
    if (Object(event.to).client === undefined) return everywhere.map(whole)
    const parts = partsOrNone(event.to)
    if (!parts) return [whole(0)]
    if (parts.length === 1) return [whole(parts[0][0])]
    return parts.map(([shard, addresses]) => {
      const make = () => writeLine({ ...event, to: recipientsOf(addresses) })
      return { shard, bytes, make }
    })
  }

  async function resultsOf(
    { shard, parts }: Share,
    refused: Response[],
  ): Promise<readonly BatchResult[]> {
    if (silent.has(shard)) return parts.map(() => SHARD_UNAVAILABLE)
    try {
      const response = await ask(shard, joinLines(parts.map((part) => part.make())))
      if (!response.ok) {
        if (isRefusal(response)) refused.push(response.clone())
        const problem = (await response.json()) as BatchProblem
        return parts.map(() => problem)
      }
      accepted ??= new Response(null, response)
      const answers = (await response.text()).trim().split('\n').map(resultInLine)
      // A shard that shuts down ends early: its last answer is about all lines that follow.
      return parts.map((_, index) => answers[index] ?? answers.at(-1) ?? UNCONFIRMED)
    } catch (error) {
      report(error)
      if (error instanceof LateError) silent.add(shard)
      const failure = resultOfFailure(error)
      return parts.map(() => failure)
    }
  }
}

/** The parts for each shard, in order. */
function sharesOf(parts: readonly Part[]): readonly Share[] {
  const shares = new Map<number, Share>()
  for (const part of parts) {
    const { shard, bytes } = part
    const share = shares.get(shard) ?? { shard, parts: [], bytes: 0 }
    shares.set(shard, share)
    share.parts.push(part)
    share.bytes += bytes
  }
  return [...shares.values()]
}

/** Sends all shares, only a few at a time if they are large. */
async function sendAll(
  shares: readonly Share[],
  send: (share: Share) => Promise<void>,
): Promise<void> {
  const largest = Math.max(1, ...shares.map(({ bytes }) => bytes))
  const atOnce = Math.max(1, Math.floor(MAX_BYTES_SENT / largest))
  const queue = shares.values()
  const sendNext = async () => {
    for (const share of queue) await send(share)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, shares.length) }, sendNext))
}

/** A line that any shard refuses as too long. */
function tooLong(maxLineBytes: number): Line {
  return new Uint8Array(maxLineBytes + 1).fill(0x30)
}

/** An event as a line. One that is nested too deeply to be written as JSON becomes a line that any shard refuses. */
export function writeLine(event: unknown): Line {
  try {
    return encoder.encode(JSON.stringify(event))
  } catch {
    return NO_JSON
  }
}

const encoder = new TextEncoder()

const NO_JSON = encoder.encode('[')

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
