/** Questions from hub to hub: put to all, answered to the one that asked. */
import type { Clock } from '../../core/clock.ts'

/** How questions travel. */
export interface ControlRequestsInit {
  readonly clock: Clock
  /** Where answers come in. */
  readonly inbox: string
  /** Tells all hubs; resolves with how many hear it. */
  broadcast(message: string): Promise<number>
  /** Sends an answer. */
  send(inbox: string, message: string): void
}

/** Puts questions and hands in answers. */
export interface ControlRequests {
  request(question: unknown, keepMs: number): Promise<readonly unknown[]>
  /** An answer came in. */
  onResponse(message: string): void
  /** Somebody has asked. */
  onRequest(message: string, answer: (question: unknown, keptMs: number) => unknown): void
}

interface Poll {
  readonly answers: unknown[]
  expected: number
  finish(): void
}

interface RequestMessage {
  readonly inbox: string
  readonly poll: number
  readonly question: unknown
  readonly keepMs: number
}

/** Milliseconds that a hub may take to answer: one that died counts as a listener for a while. */
const PATIENCE_MS = 1_500

/** Makes the post office of one hub. */
export function createControlRequests({
  clock,
  inbox,
  broadcast,
  send,
}: ControlRequestsInit): ControlRequests {
  const polls = new Map<number, Poll>()
  let count = 0
  return { request, onResponse, onRequest }

  async function request(question: unknown, keepMs: number): Promise<readonly unknown[]> {
    count += 1
    const number = count
    const answers: unknown[] = []
    const all = new Promise<void>((finish) => {
      polls.set(number, { answers, expected: Number.POSITIVE_INFINITY, finish })
    })
    const asked: RequestMessage = { inbox, poll: number, question, keepMs }
    let stop = () => {}
    try {
      const expected = await broadcast(JSON.stringify(asked))
      const poll = polls.get(number)
      if (poll) {
        poll.expected = expected
        stop = clock.every(PATIENCE_MS, poll.finish)
        check(poll)
      }
      await all
      return answers
    } finally {
      stop()
      polls.delete(number)
    }
  }

  function onResponse(message: string): void {
    const { poll: number, answer } = JSON.parse(message) as { poll: number; answer: unknown }
    const poll = polls.get(number)
    if (!poll) return
    poll.answers.push(answer)
    check(poll)
  }

  function check({ answers, expected, finish }: Poll): void {
    if (answers.length >= expected) finish()
  }

  function onRequest(
    message: string,
    answer: (question: unknown, keptMs: number) => unknown,
  ): void {
    const { inbox: asker, poll, question, keepMs } = JSON.parse(message) as RequestMessage
    send(asker, JSON.stringify({ poll, answer: answer(question, keepMs) }))
  }
}
