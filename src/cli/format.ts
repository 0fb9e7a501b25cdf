/** What comes through a stream, as a terminal shows it. */

/** Why events are lost, in the words of whoever lost them. */
const GAPS: Readonly<Record<string, string>> = {
  epoch: 'the journal is another one',
  evicted: 'the journal keeps no more',
}

/** The line for a published event: its data behind its name if it has one, or all of it as JSON. */
export function formatEvent(event: MessageEvent, { json }: { readonly json?: true }): string {
  const { type, data, lastEventId } = event
  if (json) return JSON.stringify({ id: lastEventId || null, event: type, data })
  return visible(type === 'message' ? data : `${type}: ${data}`)
}

/** What an event of the hub's own means; undefined where it is not worth a word. */
export function parseWords(type: string, data: string): string | undefined {
  const words = WORDS.get(type)
  return words && visible(words(JSON.parse(data) as Record<string, unknown>))
}

type Fields = Readonly<Record<string, unknown>>

const WORDS: ReadonlyMap<string, (fields: Fields) => string> = new Map(
  Object.entries({
    'hub:ready': ({ client, topics, resume }: Fields) => {
      const names = Array.isArray(topics) && topics.length > 0 ? ` to ${topics.join(', ')}` : ''
      const missed = { complete: ': resumed, nothing was missed', gap: ': resumed with a gap' }
      return `listening as ${client}${names}${missed[resume as 'complete' | 'gap'] ?? ''}`
    },
    'hub:gap': ({ requested, earliest, reason }: Fields) => {
      const left = earliest ? `what is left begins with ${earliest}` : 'nothing is left'
      return `gap: events after ${requested} are lost, ${GAPS[String(reason)] ?? reason}; ${left}`
    },
    'hub:bye': ({ reason }: Fields) => `goodbye from the hub (${reason}): coming back`,
  }),
)

/** Text that can't steer a terminal: control characters but tab and line feed are made visible. */
export function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd')
}
