/** The form to send: publishes an event to a client, a topic or everyone, and sends pings. */
import { type ApiResult, callApi } from './api.ts'
import { byId, plural, setText } from './elements.ts'

/** Sets up the form. @param onEventName - called with the name of an event before it is sent */
export function createSendForm(onEventName: (name: string) => void): void {
  const to = byId('to', HTMLSelectElement)
  const name = byId('name', HTMLInputElement)
  const event = byId('event', HTMLInputElement)
  const data = byId('data', HTMLTextAreaElement)
  const ephemeral = byId('ephemeral', HTMLInputElement)
  const ping = byId('ping', HTMLButtonElement)
  to.addEventListener('change', showAddress)
  ping.addEventListener('click', sendPing)
  byId('send', HTMLFormElement).addEventListener('submit', send)
  // A browser that restores a previous selection fires no event.
  showAddress()

  function showAddress(): void {
    const isNamed = to.value !== 'broadcast'
    byId('name-label', HTMLElement).hidden = !isNamed
    name.required = isNamed
    ping.hidden = to.value !== 'clients'
  }

  async function send(submit: SubmitEvent): Promise<void> {
    submit.preventDefault()
    if (event.value) onEventName(event.value)
    const path = to.value === 'broadcast' ? '/broadcast' : pathOf(to.value)
    const result = await callApi('POST', path, {
      data: data.value,
      ...(event.value && { event: event.value }),
      ...(ephemeral.checked && { ephemeral: true }),
    })
    showResult(result)
  }

  async function sendPing(): Promise<void> {
    if (name.reportValidity()) showResult(await callApi('POST', pathOf('ping')))
  }

  function pathOf(kind: string): string {
    return `/${kind}/${encodeURIComponent(name.value)}`
  }
}

function showResult(result: ApiResult): void {
  setText(byId('result', HTMLElement), result.ok ? publishedText(result.text) : result.problem)
}

function publishedText(json: string): string {
  const { id, connections } = JSON.parse(json) as { id?: string; connections: number }
  return `Queued for ${plural(connections, 'connection')}${id ? `, as ${id}` : ''}.`
}
