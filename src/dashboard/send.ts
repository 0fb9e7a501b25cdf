/** The form that publishes: to a client, to a topic, to everyone; and the ping. */
import { at, counted, say } from './elements.ts'
import { type Answer, ask } from './hub.ts'

/** Makes the form work. @param named - hears of the name of an event before it is sent */
export function createSending(named: (name: string) => void): void {
  const to = at('to', HTMLSelectElement)
  const name = at('name', HTMLInputElement)
  const event = at('event', HTMLInputElement)
  const data = at('data', HTMLTextAreaElement)
  const ephemeral = at('ephemeral', HTMLInputElement)
  const ping = at('ping', HTMLButtonElement)
  to.addEventListener('change', showAddress)
  ping.addEventListener('click', sendPing)
  at('send', HTMLFormElement).addEventListener('submit', send)
  // A browser that restores what was chosen before does not say so.
  showAddress()

  function showAddress(): void {
    const isNamed = to.value !== 'broadcast'
    at('name-label', HTMLElement).hidden = !isNamed
    name.required = isNamed
    ping.hidden = to.value !== 'clients'
  }

  async function send(submit: SubmitEvent): Promise<void> {
    submit.preventDefault()
    if (event.value) named(event.value)
    const path = to.value === 'broadcast' ? '/broadcast' : pathOf(to.value)
    const answer = await ask('POST', path, {
      data: data.value,
      ...(event.value && { event: event.value }),
      ...(ephemeral.checked && { ephemeral: true }),
    })
    showReceipt(answer)
  }

  async function sendPing(): Promise<void> {
    if (name.reportValidity()) showReceipt(await ask('POST', pathOf('ping')))
  }

  function pathOf(kind: string): string {
    return `/${kind}/${encodeURIComponent(name.value)}`
  }
}

function showReceipt(answer: Answer): void {
  say(at('receipt', HTMLElement), answer.ok ? receiptIn(answer.text) : answer.problem)
}

function receiptIn(json: string): string {
  const { id, connections } = JSON.parse(json) as { id?: string; connections: number }
  return `Queued for ${counted(connections, 'connection')}${id ? `, as ${id}` : ''}.`
}
