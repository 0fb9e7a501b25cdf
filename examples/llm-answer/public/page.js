// @ts-check
import { connect, typed } from 'hono-sse/client'

/** @typedef {{ id: string, question: string, text: string, state: string }} Chat */
/** @typedef {Record<string, Chat>} Chats */

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id)

const stream = connect({
  url: '/events',
  share: 'chats', // The cookie is the same in all tabs, so they may share a stream.
  events: {
    chat: /** @type {typeof typed<Chat>} */ (typed)(),
    token: /** @type {typeof typed<{ id: string, offset: number, text: string }>} */ (typed)(),
  },
})

// One change after another: events that arrive during a fetch wait for its state.
/** @type {Chats} */
let chats = {}
let changes = Promise.resolve()
/** @param {(chats: Chats) => Chats | Promise<Chats>} change */
function apply(change) {
  changes = changes.then(async () => show(await change(chats))).catch(console.error)
}

/** @returns {Promise<Chats>} */
const fetchChats = async () => (await fetch('/chats')).json()

stream.on('chat', (chat) => apply((old) => ({ ...old, [chat.id]: chat })))
stream.on('token', ({ id, offset, text }) =>
  apply((old) => {
    const chat = old[id]
    // The fetched text may contain this token already.
    if (chat?.text.length !== offset) return old
    return { ...old, [id]: { ...chat, text: chat.text + text } }
  }),
)
stream.onGap(() => apply(fetchChats))

let wasLive = false
stream.onStatus((status) => {
  const isLive = status.state === 'live'
  at('status').textContent = isLive ? '' : 'Reconnecting…'
  // Listen first, then fetch: nothing is missed in between.
  if (isLive && !wasLive) apply(fetchChats)
  wasLive ||= isLive
})

/** @param {Chats} next */
function show(next) {
  chats = next
  for (const chat of Object.values(chats)) fill(at(chat.id) ?? articleOf(chat), chat)
}

/** @param {HTMLElement} article @param {Chat} chat */
function fill(article, { text, state }) {
  article.className = `card ${state}`
  article.querySelector('p')?.replaceChildren(text)
  article.querySelector('small')?.replaceChildren(state === 'done' ? '' : state)
}

/** @param {Chat} chat @returns {HTMLElement} */
function articleOf({ id, question }) {
  const article = at('chat').content.cloneNode(true).firstElementChild
  article.id = id
  article.querySelector('h2').textContent = question
  article.querySelector('button').onclick = () => fetch(`/chats/${id}/stop`, { method: 'POST' })
  at('chats').prepend(article)
  return article
}

at('ask').onsubmit = async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault()
  const { ok } = await fetch('/chats', { method: 'POST', body: at('question').value })
  if (ok) at('question').value = ''
}
