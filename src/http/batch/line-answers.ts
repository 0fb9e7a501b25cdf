/** Publishes the lines of one body, as many at once as there are, and returns their answers. */
import { MAX_AT_ONCE, MAX_BYTES_AT_ONCE } from '../../hub/piping/turn.ts'
import type { BatchProblem, BatchResult } from '../schemas/batches.ts'
import { createLineSplitter, type Line } from './line-splitter.ts'
import { isRefused } from './publisher.ts'

/** The answers to one body. */
export interface LineAnswers {
  /**
   * Publishes the next lines. Resolves with their answers; undefined after the last line. Rejects if the
   * body breaks off.
   */
  next(): Promise<Uint8Array | undefined>
  /** Ends a batch early: what still arrives is not published. Returns the last answer. */
  stop(problem: BatchResult): Uint8Array
}

/** What the answers require. */
export interface LineAnswersInit {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>
  /** The maximum number of bytes of an event as JSON, with its recipients. */
  readonly maxLineBytes: number
  /** Whether nothing after a line that is refused is published. */
  readonly endsAtRefusal: boolean
  /** Publishes lines in one turn, and resolves with their results in order; after the first refusal, there may be none. */
  publishAll(lines: readonly Line[]): Promise<readonly BatchResult[]>
  /** Resolves when what was published has been sent, as far as connections accept it. */
  flushed(): Promise<void>
  /** Called before and after waiting for the body. */
  onWait(isWaiting: boolean): void
}

/** Creates the answers to a body. */
export function createLineAnswers(init: LineAnswersInit): LineAnswers {
  const { reader, maxLineBytes, endsAtRefusal, publishAll, flushed, onWait } = init
  const splitter = createLineSplitter(maxLineBytes)
  let lines: Iterator<Line, void> = [].values()
  let isLast = false
  let isStopped = false
  let turn = newTurn()
  let published = 0
  return { next, stop }

  async function next(): Promise<Uint8Array | undefined> {
    while (!isStopped) {
      if (turn.lines <= 0 || turn.bytes <= 0) {
        await flushed()
        turn = newTurn()
      }
      const some = take(lines, turn)
      if (some.length > 0) return answersTo(some, await publishAll(some))
      if (isLast) return undefined
      lines = await read()
    }
    return undefined
  }

  async function read(): Promise<Iterator<Line, void>> {
    onWait(true)
    const { done, value } = await reader.read()
    onWait(false)
    isLast = done
    return value ? splitter.push(value) : splitter.end()
  }

  function answersTo(some: readonly Line[], results: readonly BatchResult[]): Uint8Array {
    isStopped ||= endsAtRefusal && results.some(isRefused)
    const texts = results.map((result, index) => {
      if (isRefused(result)) return answer(result, some[index]?.number)
      published += 1
      return JSON.stringify(result)
    })
    return encoder.encode(`${texts.join('\n')}\n`)
  }

  function stop(problem: BatchResult): Uint8Array {
    isStopped = true
    return encoder.encode(`${answer({ ...problem, published } as BatchProblem, splitter.number)}\n`)
  }
}

const encoder = new TextEncoder()

function answer(problem: BatchProblem, line = 0): string {
  return JSON.stringify({ line, ...problem })
}

/** How much may still be published before connections are sent what was: their queues must not fill up with it. */
interface Turn {
  lines: number
  bytes: number
}

function newTurn(): Turn {
  return { lines: MAX_AT_ONCE, bytes: MAX_BYTES_AT_ONCE }
}

/** Takes the lines that are not blank, as many as may be published in this turn. */
function take(lines: Iterator<Line, void>, turn: Turn): readonly Line[] {
  const some: Line[] = []
  while (turn.lines > 0 && turn.bytes > 0) {
    const { done, value } = lines.next()
    if (done) break
    if (value.bytes?.every(isSpace)) continue
    some.push(value)
    turn.lines -= 1
    turn.bytes -= value.bytes?.length ?? 0
  }
  return some
}

/** https://www.rfc-editor.org/rfc/rfc8259#section-2 */
function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d
}
