// @ts-check
import { connect, typed } from 'hono-sse/client'

/** @typedef {{ id: number, from: string, text: string }} Message */
/** @typedef {{ user: string, read: number, online: string[], messages: Record<number, Message> }} State */

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id)

/** @returns {Promise<State>} */
async function fetchState() {
  const response = await fetch('/api/state')
  if (response.ok) return response.json()
  if (response.status !== 401) throw new Error(`The server answered ${response.status}.`)
  at('login').hidden = false
  return new Promise(() => {}) // The login loads the page again.
}

at('failed').hidden = !location.search.includes('failed')
let state = await fetchState()
at('inbox').hidden = false

const stream = connect({
  url: '/realtime/sse',
  client: state.user,
  topics: ['people'],
  events: {
    message: /** @type {typeof typed<Message>} */ (typed)(),
    read: /** @type {typeof typed<number>} */ (typed)(),
    online: /** @type {typeof typed<string[]>} */ (typed)(),
  },
})

// One change after another: events that arrive during a fetch wait for its state.
let changes = Promise.resolve()
/** @param {(state: State) => State | Promise<State>} change */
function apply(change) {
  changes = changes.then(async () => show(await change(state))).catch(console.error)
}

stream.on('read', (read) => apply((old) => ({ ...old, read })))
stream.on('online', (online) => apply((old) => ({ ...old, online })))
stream.on('message', (message) =>
  apply((old) => ({ ...old, messages: { ...old.messages, [message.id]: message } })),
)
stream.onGap(() => apply(fetchState))

let wasLive = false
stream.onStatus((status) => {
  const isLive = status.state === 'live'
  at('status').textContent = isLive ? '' : 'Reconnecting…'
  if (status.state === 'ended') location.reload()
  // Listen first, then fetch: nothing is missed in between.
  if (isLive && !wasLive) apply(fetchState)
  wasLive ||= isLive
})

/** @param {State} next */
function show(next) {
  state = next
  const { user, read, online, messages } = state
  const unread = Object.values(messages).filter(({ id }) => id > read).length
  document.title = unread ? `(${unread}) Inbox` : 'Inbox'
  at('unread').value = unread || ''
  at('read').disabled = unread === 0
  at('read').value = Object.keys(messages).at(-1)
  at('people').textContent = `${user} · online: ${online.join(', ')}`
  at('list').replaceChildren(...Object.values(messages).map(itemOf).reverse())
}

/** @param {Message} message */
function itemOf({ id, from, text }) {
  const [item, name] = [document.createElement('li'), document.createElement('b')]
  item.className = id > state.read ? 'unread' : ''
  name.textContent = from
  item.append(name, ` ${text}`)
  return item
}

at('read').onclick = () => fetch(`/api/read/${at('read').value}`, { method: 'POST' })
at('send').onsubmit = async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault()
  const [url, body] = [`/api/messages/${at('to').value}`, at('text').value]
  const { ok } = await fetch(url, { method: 'POST', body })
  if (ok) at('text').value = ''
}
