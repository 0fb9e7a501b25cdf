/** The form to send: publishes an event to a client, a topic or everyone, and sends pings. */
import { type ApiResult, callApi } from './api.ts'
import { copyText, type EventBody, publishCommand } from './copy.ts'
import { byId, plural, setText, suggestText } from './elements.ts'
import { requireText, showError, showProblem, watchFields } from './problems.ts'

/** The form, as the rest of the page uses it. */
export interface SendForm {
  /** Addresses the client that this page has joined as, unless an address was entered. */
  suggest(client: string): void
  /** Pings a client, and shows the result. */
  ping(client: string): Promise<void>
}

/** Sets up the form. `ping` pings a client. */
export function createSendForm(ping: (client: string) => Promise<ApiResult>): SendForm {
  const to = byId('to', HTMLSelectElement)
  const ephemeral = byId('ephemeral', HTMLInputElement)
  const pingButton = byId('ping', HTMLButtonElement)
  const fields = {
    name: byId('name', HTMLInputElement),
    event: byId('event', HTMLInputElement),
    data: byId('data', HTMLTextAreaElement),
  }
  const { name, event, data } = fields
  const rejected = { id: name, topic: name, event, data }
  let isEntered = false
  name.addEventListener('input', () => {
    isEntered = true
  })
  watchFields(Object.values(fields), () => show('', ''))
  to.addEventListener('change', showAddress)
  pingButton.addEventListener('click', () => void sendPing())
  byId('send', HTMLFormElement).addEventListener('submit', (submit) => {
    submit.preventDefault()
    void send()
  })
  byId('send-curl', HTMLButtonElement).addEventListener('click', ({ currentTarget }) => {
    if (hasName()) void copyText(currentTarget as HTMLButtonElement, publishCommand(path(), body()))
  })
  // A browser that restores a previous selection fires no event.
  showAddress()
  return {
    suggest: (client) => {
      if (!isEntered && to.value === 'clients') suggestText(name, client)
    },
    ping: async (client) => showResult(await ping(client)),
  }

  function showAddress(): void {
    byId('name-label', HTMLElement).hidden = to.value === 'broadcast'
    pingButton.hidden = to.value !== 'clients'
    showError(name, '')
    show('', '')
  }

  async function send(): Promise<void> {
    if (hasName()) showResult(await callApi('POST', path(), body()))
  }

  async function sendPing(): Promise<void> {
    if (hasName()) showResult(await ping(name.value))
  }

  function hasName(): boolean {
    const what = to.value === 'topics' ? 'topic' : 'client id'
    return to.value === 'broadcast' || requireText(name, `Enter a ${what}.`)
  }

  function body(): EventBody {
    return {
      data: data.value,
      ...(event.value && { event: event.value }),
      ...(ephemeral.checked && { ephemeral: true }),
    }
  }

  function path(): string {
    return to.value === 'broadcast'
      ? '/broadcast'
      : `/${to.value}/${encodeURIComponent(name.value)}`
  }

  function showResult(result: ApiResult): void {
    show(result.ok ? publishedText(result.text) : '', showProblem(result, rejected))
  }
}

function show(result: string, error: string): void {
  setText(byId('result', HTMLElement), result)
  setText(byId('send-error', HTMLElement), error)
}

function publishedText(json: string): string {
  const { id, connections } = JSON.parse(json) as { id?: string; connections: number }
  return `Queued for ${plural(connections, 'connection')}${id ? `, as ${id}` : ''}.`
}
