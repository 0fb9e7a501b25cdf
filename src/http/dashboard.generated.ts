/** The dashboard as one document, generated from src/dashboard by `npm run page`. */
export const document: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>hono-sse</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='4' cy='12' r='2.5' fill='%230b7a6e'/%3E%3Cpath d='M3 7a6 6 0 0 1 6 6M3 2.5A10.5 10.5 0 0 1 13.5 13' fill='none' stroke='%230b7a6e' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E">
<style>
:root {
  color-scheme: light dark;
  --page: #f4f5f4;
  --card: #fff;
  --field: #fff;
  --text: #1b1f1e;
  --soft: #58615f;
  --line: #dfe3e1;
  --edge: #87918e;
  --accent: #0b6e63;
  --on-accent: #fff;
  --good: #1a7431;
  --warn: #8a5300;
  --bad: #b3261e;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}

@media (prefers-color-scheme: dark) {
  :root {
    --page: #111514;
    --card: #191e1d;
    --field: #111514;
    --text: #e6eae8;
    --soft: #a1aba8;
    --line: #2d3433;
    --edge: #727d7a;
    --accent: #5fd0c0;
    --on-accent: #06231f;
    --good: #6fcf87;
    --warn: #f0b35a;
    --bad: #ff8b80;
  }
}

*,
::before,
::after {
  box-sizing: border-box;
}

body {
  margin: 0;
  background: var(--page);
  color: var(--text);
  font:
    1rem / 1.5 system-ui,
    sans-serif;
}

h1,
h2,
h3,
p,
dl,
dd,
ol,
pre {
  margin: 0;
}

header,
main {
  max-width: 76rem;
  margin: 0 auto;
  padding: 1.25rem;
}

header {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  gap: 0.25rem 0.75rem;
  padding-bottom: 0;
}

header p {
  flex: 1;
  color: var(--soft);
}

main {
  display: grid;
  grid-template-columns: minmax(0, 1fr) 24rem;
  /* If the stream is taller than the other cards, only the last row grows. */
  grid-template-rows: auto auto 1fr;
  align-items: start;
  gap: 1.25rem;
}

main:has(> #key:not([hidden])) {
  grid-template-rows: auto auto auto 1fr;
}

#key,
#figures,
noscript {
  grid-column: 1 / -1;
}

#stream {
  grid-row: span 2;
  grid-template-rows: auto auto auto auto 1fr;
  align-self: stretch;
}

code,
pre {
  font-family: var(--mono);
  font-size: 0.8125rem;
}

pre {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}

h1 {
  font-size: 1.375rem;
  letter-spacing: -0.01em;
}

h2 {
  font-size: 1.0625rem;
}

h3 {
  font-size: 0.9375rem;
}

.card {
  display: grid;
  gap: 0.875rem;
  padding: 1.125rem;
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: 0.75rem;
}

.note {
  color: var(--soft);
  font-size: 0.8125rem;
}

.note:empty {
  display: none;
}

.unseen {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}

/* Metrics */

#figures {
  display: grid;
  gap: 0.5rem;
}

#figures dl {
  display: grid;
  grid-template-columns: repeat(4, minmax(0, 1fr));
  gap: 1.25rem;
}

#figures .card {
  gap: 0;
  padding: 0.875rem 1.125rem;
}

dt {
  color: var(--soft);
  font-size: 0.8125rem;
}

.value {
  font-size: 1.75rem;
  font-weight: 600;
  line-height: 1.3;
  letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums;
}

.chart svg {
  display: block;
  width: 100%;
  height: 2.5rem;
  overflow: visible;
  border-bottom: 1px solid var(--line);
}

.chart path {
  fill: none;
  stroke: var(--accent);
  stroke-linecap: round;
  stroke-width: 1.5;
  stroke-linejoin: round;
  vector-effect: non-scaling-stroke;
}

.peak {
  min-height: 1.5em;
  padding-top: 0.25rem;
  color: var(--soft);
  font-size: 0.75rem;
}

/* Forms */

form:not(.card) {
  display: grid;
  gap: 0.75rem;
}

.pair {
  display: flex;
  gap: 0.75rem;
}

.row {
  display: flex;
  flex-wrap: wrap;
  align-items: end;
  gap: 0.75rem;
}

label {
  display: grid;
  flex: 1 1 8rem;
  gap: 0.25rem;
  min-width: 0;
  color: var(--soft);
  font-size: 0.8125rem;
}

.check {
  display: flex;
  flex: none;
  align-items: center;
  gap: 0.5rem;
}

input,
select,
textarea,
button {
  font: inherit;
}

input:not([type="checkbox"]),
select,
textarea {
  width: 100%;
  min-height: 2.5rem;
  padding: 0.375rem 0.625rem;
  background: var(--field);
  color: var(--text);
  border: 1px solid var(--edge);
  border-radius: 0.5rem;
  font-size: 0.9375rem;
}

textarea {
  font-family: var(--mono);
  resize: vertical;
}

input[type="checkbox"] {
  width: 1.125rem;
  height: 1.125rem;
  margin: 0;
  accent-color: var(--accent);
}

button {
  min-height: 2.5rem;
  padding: 0.375rem 1.125rem;
  background: var(--accent);
  color: var(--on-accent);
  border: 1px solid var(--accent);
  border-radius: 0.5rem;
  font-size: 0.9375rem;
  font-weight: 600;
  cursor: pointer;
}

.quiet {
  background: transparent;
  color: var(--accent);
  border-color: var(--edge);
}

button:hover {
  filter: brightness(1.1);
}

.small {
  min-height: 2rem;
  padding: 0.125rem 0.625rem;
  font-size: 0.8125rem;
}

:focus-visible {
  outline: 3px solid var(--accent);
  outline-offset: 2px;
}

/* The stream */

#state {
  padding: 0.625rem 0.875rem;
  border: 1px solid var(--line);
  border-left: 0.3125rem solid var(--tone);
  border-radius: 0.5rem;
  --tone: var(--soft);
}

#state[data-tone="busy"] {
  --tone: var(--accent);
}

#state[data-tone="good"] {
  --tone: var(--good);
}

#state[data-tone="warn"] {
  --tone: var(--warn);
}

#state[data-tone="bad"] {
  --tone: var(--bad);
}

#label {
  color: var(--tone);
}

#detail {
  overflow-wrap: anywhere;
}

.bar {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.25rem 1rem;
}

.bar .note {
  flex: 1;
  white-space: nowrap;
}

#feed {
  /* As high as its grid row, regardless of the number of events. */
  contain: size;
  min-height: 26rem;
  padding: 0;
  overflow-y: auto;
  border: 1px solid var(--line);
  border-radius: 0.5rem;
  background: var(--field);
  list-style: none;
}

#feed:empty::before {
  display: block;
  padding: 1rem;
  color: var(--soft);
  font-size: 0.875rem;
  content: "No events yet.";
}

#feed li {
  padding: 0.5rem 0.875rem;
  border-bottom: 1px solid var(--line);
}

#feed p {
  display: flex;
  flex-wrap: wrap;
  gap: 0 0.75rem;
  color: var(--soft);
  font-size: 0.8125rem;
}

#feed strong {
  color: var(--accent);
}

#feed .own strong {
  color: var(--soft);
}

#feed time {
  font-variant-numeric: tabular-nums;
}

#feed code {
  margin-left: auto;
}

/* Clients */

table {
  width: 100%;
  border-collapse: collapse;
  font-size: 0.875rem;
}

th,
td {
  padding: 0.375rem 0.5rem 0.375rem 0;
  border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums;
  text-align: left;
}

thead th {
  color: var(--soft);
  font-size: 0.8125rem;
  font-weight: 400;
}

td:last-child {
  padding-right: 0;
  text-align: right;
}

tbody th {
  overflow-wrap: anywhere;
  font-weight: 600;
}

tbody small {
  display: block;
  white-space: nowrap;
  color: var(--soft);
  font-weight: 400;
}

@media (max-width: 60rem) {
  main {
    grid-template-columns: minmax(0, 1fr);
  }

  #stream {
    grid-row: auto;
  }
}

@media (max-width: 40rem) {
  header,
  main {
    padding: 1rem;
    gap: 0.875rem;
  }

  header {
    padding-bottom: 0;
  }

  #figures dl {
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 0.875rem;
  }

  .card {
    padding: 0.875rem;
  }

  #figures .card {
    padding: 0.625rem 0.875rem;
  }

  .value {
    font-size: 1.375rem;
  }

  .chart svg {
    height: 1.5rem;
  }

  #feed {
    min-height: 20rem;
  }

  #feed code {
    margin-left: 0;
  }

  tbody small {
    white-space: normal;
  }
}

[hidden] {
  display: none;
}
</style>
</head>
<body>

<header>
  <h1>hono-sse</h1>
  <p>Listen to events, send events, and see the connected clients.</p>
  <button id="forget" type="button" class="quiet small" hidden>Forget the key</button>
</header>

<main>
  <noscript><p class="card">This page requires JavaScript to open an EventSource.</p></noscript>

  <form id="key" class="card" hidden>
    <h2>This hub requires a key</h2>
    <p>
      Enter its <code>PUBLISH_KEY</code>. If the hub accepts tokens only, use a token with
      <code>"publish": "*"</code>; it can't show metrics and clients. The key stays in this tab until you
      close it.
    </p>
    <div class="row">
      <label>Key or token
        <input id="credential" type="password" autocomplete="off" required pattern="[!-~]+"
          title="printable ASCII characters without spaces">
      </label>
      <button type="submit">Use it</button>
    </div>
    <p id="key-note" class="note" role="status"></p>
  </form>

  <section id="figures" aria-labelledby="figures-title">
    <h2 id="figures-title" class="unseen">Metrics</h2>
    <dl>
      <div id="hono_sse_connections" class="card">
        <dt>Connections</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="peak"></dd>
      </div>
      <div id="hono_sse_clients" class="card">
        <dt>Clients</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="peak"></dd>
      </div>
      <div id="hono_sse_deliveries_total" class="card">
        <dt>Deliveries/s</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="peak"></dd>
      </div>
      <div id="hono_sse_queued_bytes" class="card">
        <dt>Bytes queued</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="peak"></dd>
      </div>
    </dl>
    <p id="figures-note" class="note"></p>
  </section>

  <section id="stream" class="card" aria-labelledby="stream-title">
    <h2 id="stream-title">Listen</h2>
    <form id="join">
      <div class="row">
        <label>Client id
          <input id="client" value="alice" required maxlength="128" autocomplete="off" spellcheck="false">
        </label>
        <label>Topics
          <input id="topics" value="news" autocomplete="off" spellcheck="false" aria-describedby="join-hint">
        </label>
        <label>Event names
          <input id="names" autocomplete="off" spellcheck="false" aria-describedby="join-hint">
        </label>
        <span class="pair">
          <button id="join-button" type="submit">Join</button>
          <button id="leave" type="button" class="quiet" hidden>Leave</button>
        </span>
      </div>
      <p id="join-hint" class="note">
        Separate topics and event names with commas. An EventSource receives events without a name and those
        whose names it listens for.
      </p>
    </form>
    <div id="state" data-tone="off">
      <p role="status" aria-atomic="true"><strong id="label"></strong> <span id="detail"></span></p>
      <p id="last-event" class="note"></p>
    </div>
    <div class="bar">
      <h3>Events</h3>
      <p id="count" class="note"></p>
      <label class="check"><input id="ticks" type="checkbox"> Clock and heartbeats</label>
      <button id="clear" type="button" class="quiet small">Clear</button>
    </div>
    <!-- biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable element must be reachable by keyboard -->
    <ol id="feed" tabindex="0" aria-label="Events, newest first"></ol>
  </section>

  <section class="card" aria-labelledby="send-title">
    <h2 id="send-title">Send</h2>
    <form id="send">
      <div class="row">
        <label>To
          <select id="to">
            <option value="clients">a client</option>
            <option value="topics">a topic</option>
            <option value="broadcast">everyone</option>
          </select>
        </label>
        <label id="name-label">Its name
          <input id="name" value="alice" required maxlength="128" autocomplete="off" spellcheck="false">
        </label>
      </div>
      <label>Event name, if any
        <input id="event" autocomplete="off" spellcheck="false">
      </label>
      <label>Data
        <textarea id="data" rows="3" spellcheck="false">It works.</textarea>
      </label>
      <label class="check"><input id="ephemeral" type="checkbox"> Ephemeral: not stored for replay</label>
      <div class="row">
        <button type="submit">Send</button>
        <button id="ping" type="button" class="quiet">Ping</button>
      </div>
      <p id="result" class="note" role="status"></p>
    </form>
  </section>

  <section class="card" aria-labelledby="clients-title">
    <h2 id="clients-title">Connected clients</h2>
    <table tabindex="-1" aria-labelledby="clients-title">
      <thead><tr><th scope="col">Client</th><th scope="col">Streams</th><th scope="col">Queued</th><td></td></tr></thead>
      <tbody id="clients"></tbody>
    </table>
    <p id="clients-note" class="note"></p>
    <p id="disconnected" class="note" role="status"></p>
  </section>
</main>

<script type="module">
/** Helpers for the DOM. They set text, never markup, so that published data can't become HTML. */

/** Returns the element with this id. @throws {Error} if the document has no such element of this kind */
function byId(id, kind) {
  const found = document.getElementById(id)
  if (found instanceof kind) return found
  throw new Error(\`The document has no #\${id} of this kind.\`)
}

/** Creates an element with this text. */
function createElement(tag, text = '', className = '') {
  const created = document.createElement(tag)
  created.textContent = text
  created.className = className
  return created
}

/** Sets a text only if it differs, so that a screen reader does not announce it twice. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** Formats the time of day, to the second. */
function timeOfDay(time) {
  return clock.format(time)
}

/** Formats a number of things: "1 event", "2 events". */
function plural(count, noun) {
  return \`\${count} \${noun}\${count === 1 ? '' : 's'}\`
}

/** The list of events as they arrive, newest first. */

/** The maximum number of events in the list. The oldest are removed first. */
const MAX_ROWS = 200

/** The maximum number of characters of data in a row. */
const MAX_CHARACTERS = 2_000

const preciseTime = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})

/** Creates the list. */
function createEventList({ list, count, ticks }) {
  let total = 0
  let lastId = ''
  showCount()

  return {
    add: (event) => {
      // An event without an id has the id of the event before it.
      const id = event.lastEventId === lastId ? '' : event.lastEventId
      lastId = event.lastEventId
      if (isTick(event) && !ticks.checked) return
      list.prepend(createEventRow(event, id))
      if (list.childElementCount > MAX_ROWS) list.lastElementChild?.remove()
      total += 1
      showCount()
    },
    clear: () => {
      list.replaceChildren()
      total = 0
      showCount()
    },
  }

  function showCount() {
    const shown = total > MAX_ROWS ? \`, the latest \${MAX_ROWS} shown\` : ''
    setText(count, plural(total, 'event') + shown)
  }
}

function isTick({ type }) {
  return type === 'time' || type === 'hub:beat'
}

function createEventRow({ type, data }, id) {
  const row = createElement('li', '', type.startsWith('hub:') ? 'own' : '')
  const head = createElement('p')
  const now = new Date()
  const time = createElement('time', preciseTime.format(now))
  time.dateTime = now.toISOString()
  head.append(createElement('strong', type), time, createElement('code', id && \`id \${id}\`))
  const isTooLong = data.length > MAX_CHARACTERS
  const text = isTooLong ? \`\${data.slice(0, MAX_CHARACTERS)}… (\${data.length} characters)\` : data
  row.append(head, createElement('pre', text))
  return row
}

/** A client for the HTTP API of the hub. */

/** Shown if there is no response over HTTP/1.1. */
const CONNECTION_LIMIT =
  'Over HTTP/1.1 a browser opens at most six connections per host, across all its tabs: if six streams are open, all other requests wait until one ends.'

/** Whether this page was loaded over HTTP/1.1, as far as the browser reports it. */
const isHttp1 = performance
  .getEntriesByType('navigation')
  .some((entry) => 'nextHopProtocol' in entry && entry.nextHopProtocol === 'http/1.1')

/** The path at which the hub is mounted. */
const base = location.pathname.replace(/\\/$/, '')

/** The timeout of a request in milliseconds. */
const TIMEOUT_MS = 5_000

/** The key. It is stored in this tab only, until the tab is closed. */
const key = {
  get: () => sessionStorage.getItem('hono-sse-key') ?? '',
  set: (text) => sessionStorage.setItem('hono-sse-key', text),
  forget: () => sessionStorage.removeItem('hono-sse-key'),
}

/** Returns the URL of a stream. */
function streamUrl(query) {
  return \`\${base}/sse?\${query}\`
}

/** Sends a request, with the key if there is one. Never throws: an error is also a result. */
async function callApi(method, path, body) {
  try {
    const headers = new Headers()
    if (key.get()) headers.set('Authorization', \`Bearer \${key.get()}\`)
    if (body) headers.set('Content-Type', 'application/json')
    const response = await fetch(base + path, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await response.text()
    // A proxy may answer 200 with a page of its own, for example to log in. Status 0: try again later.
    if (response.ok && isPage(response)) return { ok: false, status: 0, problem: NOT_THE_HUB }
    if (response.ok) return { ok: true, text }
    return { ok: false, status: response.status, problem: problemOf(response.status, text) }
  } catch (error) {
    return { ok: false, status: 0, problem: networkProblem(error) }
  }
}

/**
 * Finds out why the hub refused a stream. An EventSource does not report the status, so the request
 * is sent again with fetch.
 */
async function closeReason(url) {
  const abort = new AbortController()
  try {
    const response = await fetch(url, { signal: abort.signal })
    if (response.status === 204) return 'The hub has temporarily blocked this client (204).'
    if (response.ok) return 'The hub would accept this client now.'
    return problemOf(response.status, await response.text())
  } catch (error) {
    return networkProblem(error)
  } finally {
    // If the hub accepts the stream, it must not stay open.
    abort.abort()
  }
}

const NOT_THE_HUB =
  'Something else than the hub has answered: a proxy may require you to log in. Reload this page.'

function isPage({ headers }) {
  return headers.get('Content-Type')?.startsWith('text/html') ?? false
}

/** Returns the \`detail\` of problem details, which says what to do. https://www.rfc-editor.org/rfc/rfc9457 */
function problemOf(status, text) {
  try {
    const { detail } = JSON.parse(text)
    if (typeof detail === 'string') return \`\${detail} (\${status})\`
  } catch {
    // A proxy may send an error in another format.
  }
  return \`The status of the response was \${status}.\`
}

function networkProblem(error) {
  if (!(error instanceof DOMException)) return 'The hub can’t be reached.'
  const timeout = \`The hub did not respond within \${TIMEOUT_MS / 1_000} seconds.\`
  return isHttp1 ? \`\${timeout} \${CONNECTION_LIMIT}\` : timeout
}

/** One stream: the browser's EventSource, with tickets, a watchdog and the state that the page shows. */

/** Events that every stream listens for: events without a name, the demo clock and control events. */
const DEFAULT_NAMES = ['message', 'time', 'hub:ready', 'hub:gap', 'hub:beat', 'hub:bye']

/** The names of an EventSource's own events. A hub never sends them. */
const RESERVED = ['error', 'open']

/** The maximum time between two events, until \`hub:beat\` reports the hub's interval. */
const DEFAULT_BEAT_MS = 15_000

/** After this number of missed heartbeats the connection counts as dead, whatever the browser reports. */
const MISSED_BEATS = 3

/** Milliseconds without a response after which the state is \`waiting\`. */
const WAITING_MS = 4_000

/** Milliseconds before another attempt to get a ticket. */
const RETRY_MS = 2_000

/** Opens a stream, which survives lost connections, restarts of the hub and expired grants. */
function openStream({ client, topics, names }, listener) {
  const listened = new Set([...DEFAULT_NAMES, ...names].filter(isDispatched))
  let source
  let state = { is: 'left' }
  /** The id of the latest event. */
  let cursor = ''
  let beatMs = DEFAULT_BEAT_MS
  /** When the last event arrived, or the stream was last requested. */
  let activeAt = Date.now()
  let wasLive = false
  let hasBye = false
  let ended = false
  const watchdog = setInterval(checkActivity, 1_000)
  void open()
  return { addEventName, leave: () => end({ is: 'left' }) }

  async function open() {
    setState({ is: wasLive ? 'lost' : 'connecting' })
    wasLive = false
    const url = await authorizedUrl()
    if (ended) return
    if (url === undefined) return void setTimeout(reopen, RETRY_MS)
    activeAt = Date.now()
    source = new EventSource(url)
    for (const name of listened) source.addEventListener(name, onEvent)
    source.onerror = () =>
      source?.readyState === EventSource.CLOSED ? void onClosed(url) : onLost()
  }

  /** Opens a new EventSource, which resumes after the latest event. */
  function reopen() {
    if (ended) return
    source?.close()
    void open()
  }

  /**
   * Returns the URL of the stream; undefined if there is no ticket now. An EventSource can't send the
   * key, and a key must not be part of a URL: a ticket opens the stream, and the cookie that is set
   * with it lets the browser reconnect.
   */
  async function authorizedUrl() {
    const query = new URLSearchParams({ lastEventId: cursor })
    const result = key.get() ? await callApi('POST', '/tickets', { client, topics }) : undefined
    if (result?.ok) {
      query.set('ticket', JSON.parse(result.text).ticket)
      return streamUrl(query)
    }
    // 404: a hub without a key issues no tickets.
    if (!result || result.status === 404) {
      query.set('id', client)
      for (const topic of topics) query.append('topic', topic)
      return streamUrl(query)
    }
    const isTemporary = result.status === 0 || result.status === 503
    if (!isTemporary && !ended) end({ is: 'closed', why: result.problem })
    return undefined
  }

  function onEvent(event) {
    activeAt = Date.now()
    cursor = event.lastEventId || cursor
    if (event.type.startsWith('hub:')) onControlEvent(event)
    listener.event(event)
  }

  function onControlEvent({ type, data }) {
    if (type === 'hub:beat') beatMs = Number(data) * 1_000
    if (type === 'hub:ready') {
      wasLive = true
      hasBye = false
      setState({ is: 'live', ready: JSON.parse(data) })
    }
    if (type === 'hub:gap' && state.is === 'live') {
      const { reason } = JSON.parse(data)
      setState({ ...state, gap: reason })
    }
    if (type === 'hub:bye') {
      const { reason } = JSON.parse(data)
      hasBye = true
      setState({ is: 'bye', reason })
    }
  }

  /** Called when the stream has ended or could not be opened, and the browser reconnects. */
  function onLost() {
    activeAt = Date.now()
    if (!hasBye) setState({ is: 'lost' })
    hasBye = false
  }

  /** Called when the browser does not reconnect. */
  async function onClosed(url) {
    // Most likely a grant has expired: with the key, the page can request another ticket.
    if (wasLive && key.get()) return reopen()
    const why = await closeReason(url)
    if (!ended) end({ is: 'closed', why })
  }

  /** Detects a dead connection, for example after the computer slept: it may still look open to the browser. */
  function checkActivity() {
    const idleMs = Date.now() - activeAt
    if (state.is === 'connecting' && idleMs > WAITING_MS) setState({ is: 'waiting' })
    const isDead = idleMs > MISSED_BEATS * beatMs
    if (!isDead || source?.readyState !== EventSource.OPEN) return
    // The hub may send heartbeats less often than assumed: wait longer next time.
    beatMs *= 2
    reopen()
  }

  function addEventName(name) {
    if (!isDispatched(name)) return
    listened.add(name)
    // Adding the same listener twice has no effect.
    source?.addEventListener(name, onEvent)
  }

  function end(last) {
    ended = true
    clearInterval(watchdog)
    source?.close()
    setState(last)
  }

  function setState(next) {
    state = next
    listener.state(next)
  }
}

function isDispatched(name) {
  return !RESERVED.includes(name)
}

/** Describes the state of the stream in words. */

const NO_RESPONSE = \`The hub has not responded yet.\${isHttp1 ? \` \${CONNECTION_LIMIT}\` : ''}\`

const GAPS = {
  epoch: 'The hub has started a new epoch. Events published before may be lost to this page.',
  evicted:
    'This page missed more events than the hub stores. It received those that were left; the older ones are lost.',
}

const BYE_REASONS = {
  shutdown: 'The hub is shutting down.',
  slow: 'This page received events more slowly than they were published.',
  expired: 'The grant has expired.',
  disconnected: 'An operator has disconnected this client.',
  'at-capacity': 'The hub can’t accept this stream now.',
  lifetime: 'This connection has reached its maximum lifetime.',
}

/** Returns the description of a state. */
function statusOf(state) {
  switch (state.is) {
    case 'left':
      return { label: 'Not joined', tone: 'off', detail: 'Join to see events as they arrive.' }
    case 'connecting':
      return { label: 'Connecting', tone: 'busy', detail: 'The page has requested a stream.' }
    case 'waiting':
      return { label: 'Still connecting', tone: 'warn', detail: NO_RESPONSE }
    case 'live':
      return liveStatus(state)
    case 'lost':
      return {
        label: 'Reconnecting',
        tone: 'warn',
        detail: 'The connection is lost. The browser reconnects automatically.',
      }
    case 'bye':
      return { label: 'Goodbye', tone: 'warn', detail: byeDetail(state.reason) }
    case 'closed':
      return { label: 'Closed', tone: 'bad', detail: \`\${state.why} The browser won’t reconnect.\` }
  }
}

function liveStatus({ ready, gap }) {
  const { client, connection, topics, resume } = ready
  const followed = topics.join(', ') || 'no topic'
  const summary = \`\${client} is connection \${connection} and follows \${followed}.\`
  if (resume === 'gap') {
    return {
      label: 'Live, after a gap',
      tone: 'warn',
      detail: \`\${gap ? GAPS[gap] : ''} \${summary}\`,
    }
  }
  if (resume === 'complete') {
    return { label: 'Live, resumed', tone: 'good', detail: \`No event was missed. \${summary}\` }
  }
  return { label: 'Live', tone: 'good', detail: summary }
}

/** Why the hub ended the stream, and when the browser reconnects: an EventSource does not report its delay. */
function byeDetail(reason) {
  const reconnect =
    reason === 'lifetime'
      ? 'The browser reconnects within a quarter of a second.'
      : 'The browser reconnects automatically after a random delay that the hub has chosen: 2 to 6 seconds, unless RETRY_MS is set.'
  return \`\${BYE_REASONS[reason] ?? reason} \${reconnect}\`
}

/** The form to join: opens a stream and shows its state and its events. */

/** Sets up the form. */
function createJoinForm({ mayJoin, joined }) {
  const fields = {
    client: byId('client', HTMLInputElement),
    topics: byId('topics', HTMLInputElement),
    names: byId('names', HTMLInputElement),
  }
  const events = createEventList({
    list: byId('feed', HTMLElement),
    count: byId('count', HTMLElement),
    ticks: byId('ticks', HTMLInputElement),
  })
  let stream
  showState({ is: 'left' })
  byId('clear', HTMLElement).addEventListener('click', events.clear)
  byId('leave', HTMLElement).addEventListener('click', leave)
  byId('join', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    if (mayJoin()) join()
  })
  return { resume, addEventName: (name) => stream?.addEventName(name), leave }

  function join() {
    stream?.leave()
    const client = fields.client.value
    const topics = splitList(fields.topics.value)
    const names = splitList(fields.names.value)
    // In the fragment, which browsers do not send to servers.
    const hash = new URLSearchParams({ client, topics: topics.join(), names: names.join() })
    history.replaceState(null, '', \`#\${hash}\`)
    stream = openStream({ client, topics, names }, { state: changeTo, event: showEvent })
  }

  function changeTo(state) {
    showState(state)
    if (state.is === 'live') joined()
  }

  function leave() {
    stream?.leave()
    stream = undefined
    history.replaceState(null, '', location.pathname)
  }

  function resume() {
    const hash = new URLSearchParams(location.hash.slice(1))
    if (!hash.has('client')) return
    for (const [name, field] of Object.entries(fields)) field.value = hash.get(name) ?? ''
    join()
  }

  function showEvent(event) {
    setText(byId('last-event', HTMLElement), \`Last event at \${timeOfDay(new Date())}\`)
    events.add(event)
  }
}

function showState(state) {
  const { label, tone, detail } = statusOf(state)
  byId('state', HTMLElement).dataset.tone = tone
  setText(byId('label', HTMLElement), label)
  setText(byId('detail', HTMLElement), detail)
  setText(byId('join-button', HTMLElement), state.is === 'left' ? 'Join' : 'Join again')
  byId('leave', HTMLElement).hidden = state.is === 'left' || state.is === 'closed'
}

/** Splits a text at its commas and drops empty and repeated parts. */
function splitList(text) {
  const parts = text.split(',').map((part) => part.trim())
  return [...new Set(parts)].filter((part) => part !== '')
}

/** The form for the key, shown if the hub requires one. */

/** Sets up the form. \`changed\` is called when a key is entered or forgotten, \`forgotten\` only in the latter case. */
function createKeyForm(on) {
  const form = byId('key', HTMLFormElement)
  const credential = byId('credential', HTMLInputElement)
  const forget = byId('forget', HTMLButtonElement)
  let isMissing = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    key.set(credential.value)
    credential.value = ''
    isMissing = false
    on.changed()
  })
  forget.addEventListener('click', () => {
    key.forget()
    on.forgotten()
    on.changed()
  })
  return {
    get isMissing() {
      return isMissing
    },
    show: (problem) => {
      isMissing = true
      update()
      // Without a key, the form itself explains what is required.
      setText(byId('key-note', HTMLElement), key.get() ? problem : '')
      key.forget()
      credential.focus()
    },
    focus: () => credential.focus(),
    hide: () => {
      const hadFocus = form.contains(document.activeElement)
      isMissing = false
      update()
      // A hidden element loses the focus. Keyboard users continue with the form to join.
      if (hadFocus) byId('client', HTMLInputElement).focus()
    },
  }

  function update() {
    form.hidden = !isMissing
    forget.hidden = isMissing || !key.get()
  }
}

/** Live charts of the hub's metrics, over the last three minutes. */

/** The time span of a chart. */
const SPAN_MS = 180_000

/** Samples further apart than this are not connected: there was no measurement in between. */
const MAX_INTERVAL_MS = 10_000

const WIDTH = 300
const HEIGHT = 40

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

/** Creates a chart of a gauge, which shows its values. */
function createGauge(card) {
  const parts = partsOf(card)
  const samples = []
  return (value, at) => {
    if (value !== undefined) samples.push({ at, value })
    while (samples[0] && samples[0].at < at - SPAN_MS) samples.shift()
    drawChart(parts, samples, value, at)
  }
}

/** Creates a chart of a counter, which shows its rate per second. */
function createRate(card) {
  const gauge = createGauge(card)
  let last
  return (total, at) => {
    gauge(last && total !== undefined ? perSecond(last, { at, value: total }) : undefined, at)
    last = total === undefined ? undefined : { at, value: total }
  }
}

/** Computes the rate of a counter. After a restart of the hub, the counter starts at 0 again. */
function perSecond(from, to) {
  const increase = to.value >= from.value ? to.value - from.value : to.value
  return (increase * 1_000) / (to.at - from.at)
}

/**
 * Returns the value of a metric in Prometheus' text format, summed over its labels; undefined if it is missing.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
function metric(text, name) {
  const lines = [...text.matchAll(new RegExp(\`^\${name}(?:\\\\{.*\\\\})? (\\\\S+)\`, 'gm'))]
  if (lines.length === 0) return undefined
  return lines.reduce((sum, [, value]) => sum + Number(value), 0)
}

function partsOf(card) {
  return {
    value: card.querySelector('.value'),
    peak: card.querySelector('.peak'),
    line: card.querySelector('path'),
  }
}

function drawChart({ value, peak, line }, samples, now, at) {
  const top = Math.max(0, ...samples.map((sample) => sample.value))
  value?.replaceChildren(now === undefined ? '–' : numbers.format(now))
  peak?.replaceChildren(samples.length > 0 ? \`3 min peak: \${numbers.format(top)}\` : '')
  line?.setAttribute('d', pathOf(samples, at - SPAN_MS, top))
}

/** Returns the SVG path of the samples since \`start\`, interrupted where there was no measurement. */
function pathOf(samples, start, top) {
  const points = samples.map(({ at, value }, index) => {
    const before = samples[index - 1]
    const isConnected = before !== undefined && at - before.at < MAX_INTERVAL_MS
    const x = ((at - start) / SPAN_MS) * WIDTH
    const y = HEIGHT - (value / (top || 1)) * HEIGHT
    return \`\${isConnected ? 'L' : 'M'}\${x.toFixed(1)} \${y.toFixed(1)}\`
  })
  return points.join('')
}

/** The table of connected clients. */

/** Creates the table. The row of a client is never moved or recreated, so that it keeps the focus. */
function createClientTable(body, disconnect) {
  const rows = new Map()
  return (clients) => {
    const connected = new Set(clients.map(({ client }) => client))
    for (const [client, { element }] of rows) {
      if (connected.has(client)) continue
      rows.delete(client)
      remove(element)
    }
    for (const client of clients) rowOf(client.client).show(client)
  }

  function rowOf(client) {
    const known = rows.get(client)
    if (known) return known
    const row = createRow(client, disconnect)
    rows.set(client, row)
    body.append(row.element)
    return row
  }
}

/** Removes a row. If its button has the focus, the table receives it, not the button of another client. */
function remove(element) {
  const table = element.closest('table')
  const hasFocus = element.contains(document.activeElement)
  element.remove()
  if (hasFocus) table?.focus()
}

function createRow(client, disconnect) {
  const element = createElement('tr')
  const name = createElement('th', client)
  name.scope = 'row'
  const since = createElement('small')
  name.append(since)
  const connections = createElement('td')
  const queued = createElement('td')
  const action = createElement('td')
  const button = createElement('button', 'Disconnect', 'quiet small')
  button.type = 'button'
  button.setAttribute('aria-label', \`Disconnect \${client}\`)
  button.addEventListener('click', () => disconnect(client))
  action.append(button)
  element.append(name, connections, queued, action)
  return {
    element,
    show: (row) => {
      setText(since, \`since \${timeOfDay(new Date(row.since))}\`)
      setText(connections, String(row.connections))
      setText(queued, \`\${row.queuedBytes} B\`)
    },
  }
}

/** The overview for operators: charts of the metrics, and the table of clients. */

/** The maximum number of clients in the table. */
const MAX_CLIENTS = 50

const GAUGES = ['hono_sse_connections', 'hono_sse_clients', 'hono_sse_queued_bytes']
const RATES = ['hono_sse_deliveries_total']

/** Creates the overview. */
function createOverview() {
  const showClients = createClientTable(byId('clients', HTMLTableSectionElement), disconnect)
  const charts = [
    ...GAUGES.map((name) => ({ name, addSample: createGauge(byId(name, HTMLElement)) })),
    ...RATES.map((name) => ({ name, addSample: createRate(byId(name, HTMLElement)) })),
  ]
  let hasMetrics = true
  let requests = 0
  return { update, updateClients }

  async function update() {
    const result = await updateClients()
    // Both require the same permission: if the hub refuses one request, it refuses the other.
    showCharts(result.ok && hasMetrics ? await callApi('GET', '/metrics') : result)
    return result
  }

  async function updateClients() {
    requests += 1
    const request = requests
    const result = await callApi('GET', \`/clients?limit=\${MAX_CLIENTS}\`)
    // Two requests may overlap: only the result of the latest is up to date.
    if (request === requests) showTable(result)
    return result
  }

  function showTable(result) {
    const note = byId('clients-note', HTMLElement)
    const { clients, total } = result.ok ? JSON.parse(result.text) : EMPTY_LISTING
    showClients(clients)
    const isPart = total > clients.length
    const text = isPart ? \`The first \${clients.length} of \${total}.\` : \`\${plural(total, 'client')}.\`
    setText(note, result.ok ? text : result.problem)
  }

  function showCharts(result) {
    if (!result.ok && result.status === 404) hasMetrics = false
    const now = performance.now()
    const text = result.ok && hasMetrics ? result.text : ''
    for (const { name, addSample } of charts) addSample(metric(text, name), now)
    const problem = result.ok ? '' : \`Metrics are unavailable. \${result.problem}\`
    setText(byId('figures-note', HTMLElement), hasMetrics ? problem : NO_METRICS)
  }
}

const NO_METRICS = 'Metrics are unavailable: this hub has no /metrics.'

const EMPTY_LISTING = { clients: [], total: 0 }

async function disconnect(client) {
  const result = await callApi('DELETE', \`/clients/\${encodeURIComponent(client)}\`)
  const text = result.ok
    ? \`Disconnected \${client}. An EventSource reconnects automatically.\`
    : result.problem
  setText(byId('disconnected', HTMLElement), text)
}

/** The form to send: publishes an event to a client, a topic or everyone, and sends pings. */

/** Sets up the form. @param onEventName - called with the name of an event before it is sent */
function createSendForm(onEventName) {
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

  function showAddress() {
    const isNamed = to.value !== 'broadcast'
    byId('name-label', HTMLElement).hidden = !isNamed
    name.required = isNamed
    ping.hidden = to.value !== 'clients'
  }

  async function send(submit) {
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

  async function sendPing() {
    if (name.reportValidity()) showResult(await callApi('POST', pathOf('ping')))
  }

  function pathOf(kind) {
    return \`/\${kind}/\${encodeURIComponent(name.value)}\`
  }
}

function showResult(result) {
  setText(byId('result', HTMLElement), result.ok ? publishedText(result.text) : result.problem)
}

function publishedText(json) {
  const { id, connections } = JSON.parse(json)
  return \`Queued for \${plural(connections, 'connection')}\${id ? \`, as \${id}\` : ''}.\`
}

/** The dashboard of a hub. Like any page, it uses an EventSource and the documented HTTP API. */

/** Milliseconds between two updates of the overview. */
const UPDATE_MS = 2_000

const overview = createOverview()
let startsSoFar = 0
const joinForm = createJoinForm({
  mayJoin: () => {
    // A start that is under way must not join a second time.
    startsSoFar += 1
    if (keyForm.isMissing) keyForm.focus()
    return !keyForm.isMissing
  },
  // Without it, the table would not list a client that has just joined until the next update.
  joined: () => void overview.updateClients(),
})
const keyForm = createKeyForm({ changed: start, forgotten: joinForm.leave })

createSendForm(joinForm.addEventName)
void start()
void keepUpdating()

/** Updates the overview with the current key, and joins if the hub accepts it. */
async function start() {
  startsSoFar += 1
  const thisStart = startsSoFar
  await update()
  if (thisStart === startsSoFar && !keyForm.isMissing) joinForm.resume()
}

/** Updates the overview periodically. A hidden page sends no requests. */
async function keepUpdating() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, UPDATE_MS))
    if (!document.hidden && !keyForm.isMissing) await update()
  }
}

async function update() {
  const result = await overview.update()
  if (!result.ok && result.status === 401) keyForm.show(result.problem)
  else keyForm.hide()
}
</script>
</body>
</html>
`
