/** The page, as one document: made of src/dashboard by `npm run page`. */
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
  /* What the stream is taller by goes to the last row alone. */
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

/* Figures */

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

.most {
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
  /* As high as its row, however many events there are. */
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
  <p>Listen, send, and see who is connected.</p>
  <button id="forget" type="button" class="quiet small" hidden>Forget the key</button>
</header>

<main>
  <noscript><p class="card">This page needs JavaScript: it opens an EventSource.</p></noscript>

  <form id="key" class="card" hidden>
    <h2>This hub asks for a key</h2>
    <p>
      Enter its <code>PUBLISH_KEY</code>. If it has tokens only, one with <code>"publish": "*"</code>
      does, but shows neither figures nor clients. It stays in this tab, and is gone when the tab is.
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
    <h2 id="figures-title" class="unseen">Figures</h2>
    <dl>
      <div id="hono_sse_connections" class="card">
        <dt>Connections</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="most"></dd>
      </div>
      <div id="hono_sse_clients" class="card">
        <dt>Clients</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="most"></dd>
      </div>
      <div id="hono_sse_deliveries_total" class="card">
        <dt>Deliveries/s</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="most"></dd>
      </div>
      <div id="hono_sse_queued_bytes" class="card">
        <dt>Bytes queued</dt>
        <dd class="value">–</dd>
        <dd class="chart"><svg viewBox="0 0 300 40" preserveAspectRatio="none" aria-hidden="true"><path/></svg></dd>
        <dd class="most"></dd>
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
        Commas separate topics and names. A page gets events without a name, and those whose names it asks for.
      </p>
    </form>
    <div id="state" data-tone="off">
      <p role="status" aria-atomic="true"><strong id="label"></strong> <span id="detail"></span></p>
      <p id="heard" class="note"></p>
    </div>
    <div class="bar">
      <h3>Events</h3>
      <p id="count" class="note"></p>
      <label class="check"><input id="ticks" type="checkbox"> Clock and heartbeats</label>
      <button id="clear" type="button" class="quiet small">Clear</button>
    </div>
    <!-- biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard -->
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
      <label class="check"><input id="ephemeral" type="checkbox"> Ephemeral: not kept for who is away</label>
      <div class="row">
        <button type="submit">Send</button>
        <button id="ping" type="button" class="quiet">Ping</button>
      </div>
      <p id="receipt" class="note" role="status"></p>
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
/** What this page does to its document. Text goes in as text: nothing published can become markup. */

/** The element with this id. @throws {Error} if there is none of this kind */
function at(id, kind) {
  const found = document.getElementById(id)
  if (found instanceof kind) return found
  throw new Error(\`The document has no #\${id} of this kind.\`)
}

/** A new element with this text. */
function make(tag, text = '', className = '') {
  const made = document.createElement(tag)
  made.textContent = text
  made.className = className
  return made
}

/** Changes a text only where it differs, so that a screen reader does not hear the same twice. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** The time of day, to the second. */
function timeOfDay(time) {
  return clock.format(time)
}

/** A number of things in words. */
function counted(count, thing) {
  return \`\${count} \${thing}\${count === 1 ? '' : 's'}\`
}

/** The hub's HTTP interface, as this page uses it. */

/** Said where an answer does not come. */
const SIX =
  'Over HTTP/1.1 a browser opens six connections per host, over all its tabs: if six streams are open, all else waits until one ends.'

/** Whether this page came over HTTP/1.1, as far as the browser tells. */
const isHttp1 = performance
  .getEntriesByType('navigation')
  .some((entry) => 'nextHopProtocol' in entry && entry.nextHopProtocol === 'http/1.1')

/** The page may be mounted below a path: the hub's routes are beside it. */
const base = location.pathname.replace(/\\/$/, '')

/** Milliseconds that an answer may take. */
const PATIENCE_MS = 5_000

/** The key is kept in this tab only, and until it is closed. */
const key = {
  get: () => sessionStorage.getItem('hono-sse-key') ?? '',
  set: (text) => sessionStorage.setItem('hono-sse-key', text),
  forget: () => sessionStorage.removeItem('hono-sse-key'),
}

/** The URL of a stream. */
function streamUrl(query) {
  return \`\${base}/sse?\${query}\`
}

/** Sends a request, with the key if there is one. Never throws: what goes wrong is an answer, too. */
async function ask(method, path, body) {
  try {
    const headers = new Headers()
    if (key.get()) headers.set('Authorization', \`Bearer \${key.get()}\`)
    if (body) headers.set('Content-Type', 'application/json')
    const response = await fetch(base + path, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const text = await response.text()
    if (response.ok) return { ok: true, text }
    return { ok: false, status: response.status, problem: problemOf(response.status, text) }
  } catch (error) {
    return { ok: false, status: 0, problem: silence(error) }
  }
}

/**
 * Why the hub has closed a stream for good. An EventSource does not tell its status: the same
 * request, sent once more, does.
 */
async function whyClosed(url) {
  const abort = new AbortController()
  try {
    const response = await fetch(url, { signal: abort.signal })
    if (response.status === 204) return 'The hub keeps this client away for now (204).'
    if (response.ok) return 'The hub would let this client in now.'
    return problemOf(response.status, await response.text())
  } catch (error) {
    return silence(error)
  } finally {
    // What would be let in is not wanted: it was a question.
    abort.abort()
  }
}

/** The \`detail\` of problem details: it says what to do. https://www.rfc-editor.org/rfc/rfc9457 */
function problemOf(status, text) {
  try {
    const { detail } = JSON.parse(text)
    if (typeof detail === 'string') return \`\${detail} (\${status})\`
  } catch {
    // A proxy in between has its own way to say no.
  }
  return \`The answer was \${status}.\`
}

function silence(error) {
  if (!(error instanceof DOMException)) return 'The hub can’t be reached.'
  const late = \`There was no answer within \${PATIENCE_MS / 1_000} seconds.\`
  return isHttp1 ? \`\${late} \${SIX}\` : late
}

/** The form that asks for the key, where the hub does. */

/** Makes the form work. */
function createAccess(on) {
  const form = at('key', HTMLFormElement)
  const credential = at('credential', HTMLInputElement)
  const forget = at('forget', HTMLButtonElement)
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
    ask: (problem) => {
      isMissing = true
      show()
      // Whoever has not tried a key yet knows what the form says.
      say(at('key-note', HTMLElement), key.get() ? problem : '')
      key.forget()
      credential.focus()
    },
    insist: () => credential.focus(),
    settle: () => {
      const isHere = form.contains(document.activeElement)
      isMissing = false
      show()
      // What is hidden loses the focus to nothing: whoever uses the keyboard goes on with joining.
      if (isHere) at('client', HTMLInputElement).focus()
    },
  }

  function show() {
    form.hidden = !isMissing
    forget.hidden = isMissing || !key.get()
  }
}

/** The list of events as they arrive, newest first. */

/** Events that the list keeps; the oldest go first. */
const MAX_ROWS = 200

/** Characters of data that a row shows. */
const MAX_CHARACTERS = 2_000

const precise = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})

/** Makes the feed. */
function createFeed({ list, count, ticks }) {
  let total = 0
  let lastId = ''
  tell()

  return {
    add: (event) => {
      // An event without an id shows that of the one before.
      const id = event.lastEventId === lastId ? '' : event.lastEventId
      lastId = event.lastEventId
      if (isTick(event) && !ticks.checked) return
      list.prepend(rowOf(event, id))
      if (list.childElementCount > MAX_ROWS) list.lastElementChild?.remove()
      total += 1
      tell()
    },
    clear: () => {
      list.replaceChildren()
      total = 0
      tell()
    },
  }

  function tell() {
    count.textContent =
      total > MAX_ROWS ? \`\${total} events, the latest \${MAX_ROWS} shown\` : \`\${total} events\`
  }
}

function isTick({ type }) {
  return type === 'time' || type === 'hub:beat'
}

function rowOf({ type, data }, id) {
  const row = make('li', '', type.startsWith('hub:') ? 'own' : '')
  const head = make('p')
  const now = new Date()
  const time = make('time', precise.format(now))
  time.dateTime = now.toISOString()
  head.append(make('strong', type), time, make('code', id && \`id \${id}\`))
  const tooLong = data.length > MAX_CHARACTERS
  const text = tooLong ? \`\${data.slice(0, MAX_CHARACTERS)}… (\${data.length} characters)\` : data
  row.append(head, make('pre', text))
  return row
}

/** One stream: the browser's own EventSource, and what a page must add to stay on it truthfully. */

/** Events that every stream asks for: those without a name, the demo clock's, and the hub's own. */
const NAMES = ['message', 'time', 'hub:ready', 'hub:gap', 'hub:beat', 'hub:bye']

/** What an EventSource calls its own events: no hub sends any of these names. */
const RESERVED = ['error', 'open']

/** Silence is broken at least so often, until \`hub:beat\` tells how often it is. */
const BEAT_MS = 15_000

/** So many heartbeats that don't come mean that the line is dead, whatever the browser thinks. */
const BEATS_MISSED = 3

/** Milliseconds after which a first answer is late. */
const LATE_MS = 4_000

/** Milliseconds before another ticket is asked for. */
const AGAIN_MS = 2_000

/** Listens until it is left, through lost lines, restarts of the hub and grants that end. */
function listen({ client, topics, names }, listener) {
  const wanted = new Set([...NAMES, ...names].filter(isForPages))
  let source
  let state = { is: 'left' }
  /** The id of the latest event: where to go on. */
  let cursor = ''
  let beatMs = BEAT_MS
  /** When something was last heard on this line, or asked for. */
  let heardAt = Date.now()
  let wasLive = false
  let saidGoodbye = false
  let over = false
  const watch = setInterval(look, 1_000)
  void open()
  return { also, leave: () => end({ is: 'left' }) }

  async function open() {
    become({ is: wasLive ? 'lost' : 'connecting' })
    wasLive = false
    const url = await urlOrNone()
    if (over) return
    if (url === undefined) return void setTimeout(reopen, AGAIN_MS)
    heardAt = Date.now()
    source = new EventSource(url)
    for (const name of wanted) source.addEventListener(name, hear)
    source.onerror = () => (source?.readyState === EventSource.CLOSED ? void stop(url) : lose())
  }

  /** Opens another, which goes on where this one stopped. */
  function reopen() {
    if (over) return
    source?.close()
    void open()
  }

  /**
   * An EventSource can't send the key, which must not stand in a URL either: a ticket opens one
   * stream, and the cookie that comes with it opens those by which the browser reconnects.
   */
  async function urlOrNone() {
    const query = new URLSearchParams({ lastEventId: cursor })
    const answer = key.get() ? await ask('POST', '/tickets', { client, topics }) : undefined
    if (answer?.ok) {
      query.set('ticket', JSON.parse(answer.text).ticket)
      return streamUrl(query)
    }
    // 404: a hub without keys has no tickets.
    if (!answer || answer.status === 404) {
      query.set('id', client)
      for (const topic of topics) query.append('topic', topic)
      return streamUrl(query)
    }
    const isForNow = answer.status === 0 || answer.status === 503
    if (!isForNow && !over) end({ is: 'closed', why: answer.problem })
    return undefined
  }

  function hear(event) {
    heardAt = Date.now()
    cursor = event.lastEventId || cursor
    if (event.type.startsWith('hub:')) obey(event)
    listener.event(event)
  }

  /** What the hub says of the stream itself. */
  function obey({ type, data }) {
    if (type === 'hub:beat') beatMs = Number(data) * 1_000
    if (type === 'hub:ready') {
      wasLive = true
      saidGoodbye = false
      become({ is: 'live', ready: JSON.parse(data) })
    }
    if (type === 'hub:gap' && state.is === 'live') {
      const { reason } = JSON.parse(data)
      become({ ...state, gap: reason })
    }
    if (type === 'hub:bye') {
      const { reason } = JSON.parse(data)
      saidGoodbye = true
      become({ is: 'bye', reason })
    }
  }

  /** The stream is over, or could not be had, and the browser tries again by itself. */
  function lose() {
    heardAt = Date.now()
    if (!saidGoodbye) become({ is: 'lost' })
    saidGoodbye = false
  }

  /** The browser has given up. */
  async function stop(url) {
    // A grant has ended, most likely: whoever has the key gets another.
    if (wasLive && key.get()) return reopen()
    const why = await whyClosed(url)
    if (!over) end({ is: 'closed', why })
  }

  /** The watchdog: a laptop that slept, or a line that died, may look open to the browser. */
  function look() {
    const quietMs = Date.now() - heardAt
    if (state.is === 'connecting' && quietMs > LATE_MS) become({ is: 'waiting' })
    const isDead = quietMs > BEATS_MISSED * beatMs
    if (!isDead || source?.readyState !== EventSource.OPEN) return
    // No heartbeat may be due yet, where the hub's are rare: next time more patience is shown.
    beatMs *= 2
    reopen()
  }

  function also(name) {
    if (!isForPages(name)) return
    wanted.add(name)
    // Asked for twice, it is heard once all the same.
    source?.addEventListener(name, hear)
  }

  function end(last) {
    over = true
    clearInterval(watch)
    source?.close()
    become(last)
  }

  function become(next) {
    state = next
    listener.state(next)
  }
}

function isForPages(name) {
  return !RESERVED.includes(name)
}

/** What the page says about the state of its stream. */

const LATE = \`The hub has not answered yet.\${isHttp1 ? \` \${SIX}\` : ''}\`

const GAPS = {
  epoch:
    'The hub began anew: what was published before is not known to it. Some of it may be lost to this page.',
  evicted:
    'More was missed than the hub keeps. What it still had has come; what was before is lost.',
}

/**
 * Why the hub says goodbye, and when the browser is back. The moment is the hub's to choose, at
 * random, so that not all return at once; the browser knows it, but tells no page.
 */
const PARTINGS = {
  shutdown: 'The hub is going down.',
  slow: 'This page did not take events as fast as they came.',
  expired: 'The grant has ended.',
  disconnected: 'An operator has disconnected this client.',
  'at-capacity': 'The hub has no room for this stream now.',
  lifetime: 'This connection has lived its time.',
}

/** How a state is told. */
function wordsOf(state) {
  switch (state.is) {
    case 'left':
      return { label: 'Not joined', tone: 'off', detail: 'Join to see events as they arrive.' }
    case 'connecting':
      return { label: 'Connecting', tone: 'busy', detail: 'Asked the hub for a stream.' }
    case 'waiting':
      return {
        label: 'Still connecting',
        tone: 'warn',
        detail: LATE,
      }
    case 'live':
      return live(state)
    case 'lost':
      return {
        label: 'Connecting again',
        tone: 'warn',
        detail: 'The line is cut. The browser tries again by itself, until it is answered.',
      }
    case 'bye':
      return { label: 'Goodbye', tone: 'warn', detail: parting(state.reason) }
    case 'closed':
      return { label: 'Closed', tone: 'bad', detail: \`\${state.why} The browser won’t try again.\` }
  }
}

function live({ ready, gap }) {
  const { client, connection, topics, resume } = ready
  const who = \`\${client} is connection \${connection}, and follows \${topics.join(', ') || 'no topic'}.\`
  if (resume === 'gap') {
    return { label: 'Live, after a gap', tone: 'warn', detail: \`\${gap ? GAPS[gap] : ''} \${who}\` }
  }
  if (resume === 'complete') {
    return { label: 'Live, resumed', tone: 'good', detail: \`Nothing is missing. \${who}\` }
  }
  return { label: 'Live', tone: 'good', detail: who }
}

function parting(reason) {
  const back =
    reason === 'lifetime'
      ? 'The browser is back within a quarter of a second.'
      : 'The browser comes back by itself, at a random moment that the hub has chosen: after 2 to 6 seconds, unless RETRY_MS says otherwise.'
  return \`\${PARTINGS[reason] ?? reason} \${back}\`
}

/** The form that joins, and the state of the stream that it opens. */

/** Makes the form work. */
function createJoining({ mayJoin, joined }) {
  const fields = {
    client: at('client', HTMLInputElement),
    topics: at('topics', HTMLInputElement),
    names: at('names', HTMLInputElement),
  }
  const feed = createFeed({
    list: at('feed', HTMLElement),
    count: at('count', HTMLElement),
    ticks: at('ticks', HTMLInputElement),
  })
  let listening
  showState({ is: 'left' })
  at('clear', HTMLElement).addEventListener('click', feed.clear)
  at('leave', HTMLElement).addEventListener('click', leave)
  at('join', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    if (mayJoin()) join()
  })
  return { resume, also: (name) => listening?.also(name), leave }

  function join() {
    listening?.leave()
    const client = fields.client.value
    const topics = listOf(fields.topics.value)
    const names = listOf(fields.names.value)
    // Behind the #, so that no server sees it.
    const hash = new URLSearchParams({ client, topics: topics.join(), names: names.join() })
    history.replaceState(null, '', \`#\${hash}\`)
    listening = listen({ client, topics, names }, { state: changeTo, event: showEvent })
  }

  function changeTo(state) {
    showState(state)
    if (state.is === 'live') joined()
  }

  function leave() {
    listening?.leave()
    listening = undefined
    history.replaceState(null, '', location.pathname)
  }

  function resume() {
    const hash = new URLSearchParams(location.hash.slice(1))
    if (!hash.has('client')) return
    for (const [name, field] of Object.entries(fields)) field.value = hash.get(name) ?? ''
    join()
  }

  function showEvent(event) {
    say(at('heard', HTMLElement), \`Last heard at \${timeOfDay(new Date())}\`)
    feed.add(event)
  }
}

function showState(state) {
  const { label, tone, detail } = wordsOf(state)
  at('state', HTMLElement).dataset.tone = tone
  say(at('label', HTMLElement), label)
  say(at('detail', HTMLElement), detail)
  say(at('join-button', HTMLElement), state.is === 'left' ? 'Join' : 'Join again')
  at('leave', HTMLElement).hidden = state.is === 'left' || state.is === 'closed'
}

/** What commas separate, each once. */
function listOf(text) {
  const parts = text.split(',').map((part) => part.trim())
  return [...new Set(parts)].filter((part) => part !== '')
}

/** The table of connected clients. */

/** Makes the table; rows stay where they are as long as their client does, so that focus stays, too. */
function createClients(body, disconnect) {
  const rows = new Map()
  return (clients) => {
    const here = new Set(clients.map(({ client }) => client))
    for (const [client, { element }] of rows) {
      if (here.has(client)) continue
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

/** Whoever is on its button stays at the table, and on no other client's button. */
function remove(element) {
  const table = element.closest('table')
  const hasFocus = element.contains(document.activeElement)
  element.remove()
  if (hasFocus) table?.focus()
}

function createRow(client, disconnect) {
  const element = make('tr')
  const name = make('th', client)
  name.scope = 'row'
  const since = make('small')
  name.append(since)
  const connections = make('td')
  const queued = make('td')
  const action = make('td')
  const button = make('button', 'Disconnect', 'quiet small')
  button.type = 'button'
  button.setAttribute('aria-label', \`Disconnect \${client}\`)
  button.addEventListener('click', () => disconnect(client))
  action.append(button)
  element.append(name, connections, queued, action)
  return {
    element,
    show: (row) => {
      say(since, \`since \${timeOfDay(new Date(row.since))}\`)
      say(connections, String(row.connections))
      say(queued, \`\${row.queuedBytes} B\`)
    },
  }
}

/** Live figures from the hub's metrics, each with its last minutes as a line. */

/** How far back the lines go. */
const SPAN_MS = 180_000

/** Samples further apart than this are not joined: nobody looked in between. */
const APART_MS = 10_000

const WIDTH = 300
const HEIGHT = 40

const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

/** A figure that rises and falls: shows each value as it is. */
function createGauge(card) {
  const figure = partsOf(card)
  const samples = []
  return (value, at) => {
    if (value !== undefined) samples.push({ at, value })
    while (samples[0] && samples[0].at < at - SPAN_MS) samples.shift()
    show(figure, samples, value, at)
  }
}

/** A figure that only grows: shows by how much a second. */
function createRate(card) {
  const gauge = createGauge(card)
  let last
  return (total, at) => {
    gauge(last && total !== undefined ? perSecond(last, { at, value: total }) : undefined, at)
    last = total === undefined ? undefined : { at, value: total }
  }
}

/** A hub that began anew counts from 0 again. */
function perSecond(from, to) {
  const more = to.value >= from.value ? to.value - from.value : to.value
  return (more * 1_000) / (to.at - from.at)
}

/**
 * A metric in Prometheus' text, summed over its labels; undefined if it is not there.
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
    most: card.querySelector('.most'),
    line: card.querySelector('path'),
  }
}

function show({ value, most, line }, samples, now, at) {
  const top = Math.max(0, ...samples.map((sample) => sample.value))
  value?.replaceChildren(now === undefined ? '–' : numbers.format(now))
  most?.replaceChildren(samples.length > 0 ? \`most in 3 min: \${numbers.format(top)}\` : '')
  line?.setAttribute('d', pathOf(samples, at - SPAN_MS, top))
}

/** A line through the samples, from \`start\` on, that breaks off where nobody looked. */
function pathOf(samples, start, top) {
  const points = samples.map(({ at, value }, index) => {
    const before = samples[index - 1]
    const isJoined = before !== undefined && at - before.at < APART_MS
    const x = ((at - start) / SPAN_MS) * WIDTH
    const y = HEIGHT - (value / (top || 1)) * HEIGHT
    return \`\${isJoined ? 'L' : 'M'}\${x.toFixed(1)} \${y.toFixed(1)}\`
  })
  return points.join('')
}

/** What operators see: the figures, and who is connected. */

/** Clients that the table shows at the most. */
const MAX_CLIENTS = 50

const GAUGES = ['hono_sse_connections', 'hono_sse_clients', 'hono_sse_queued_bytes']
const RATES = ['hono_sse_deliveries_total']

/** Makes the overview. */
function createOverview() {
  const showClients = createClients(at('clients', HTMLTableSectionElement), disconnect)
  const figures = [
    ...GAUGES.map((name) => ({ name, show: createGauge(at(name, HTMLElement)) })),
    ...RATES.map((name) => ({ name, show: createRate(at(name, HTMLElement)) })),
  ]
  let hasMetrics = true
  let requests = 0
  return { refresh, refreshClients }

  async function refresh() {
    const answer = await refreshClients()
    // One right covers both: who may not see the clients need not ask for the metrics.
    showFigures(answer.ok && hasMetrics ? await ask('GET', '/metrics') : answer)
    return answer
  }

  async function refreshClients() {
    requests += 1
    const request = requests
    const answer = await ask('GET', \`/clients?limit=\${MAX_CLIENTS}\`)
    // Two requests may overlap: only the answer to the latest is up to date.
    if (request === requests) showTable(answer)
    return answer
  }

  function showTable(answer) {
    const note = at('clients-note', HTMLElement)
    const { clients, total } = answer.ok ? JSON.parse(answer.text) : NOBODY
    showClients(clients)
    const words = total > clients.length ? \`The first \${clients.length} of \${total}.\` : ''
    say(note, answer.ok ? words || \`\${counted(total, 'client')}.\` : answer.problem)
  }

  function showFigures(answer) {
    if (!answer.ok && answer.status === 404) hasMetrics = false
    const now = performance.now()
    const text = answer.ok && hasMetrics ? answer.text : ''
    for (const { name, show } of figures) show(metric(text, name), now)
    const why = answer.ok ? '' : \`Figures are unavailable. \${answer.problem}\`
    say(at('figures-note', HTMLElement), hasMetrics ? why : NO_METRICS)
  }
}

const NO_METRICS = 'Figures are unavailable: this hub has no /metrics.'

const NOBODY = { clients: [], total: 0 }

async function disconnect(client) {
  const answer = await ask('DELETE', \`/clients/\${encodeURIComponent(client)}\`)
  const said = answer.ok
    ? \`Said goodbye to \${client}. An EventSource comes back by itself.\`
    : answer.problem
  say(at('disconnected', HTMLElement), said)
}

/** The form that publishes: to a client, to a topic, to everyone; and the ping. */

/** Makes the form work. @param named - hears of the name of an event before it is sent */
function createSending(named) {
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

  function showAddress() {
    const isNamed = to.value !== 'broadcast'
    at('name-label', HTMLElement).hidden = !isNamed
    name.required = isNamed
    ping.hidden = to.value !== 'clients'
  }

  async function send(submit) {
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

  async function sendPing() {
    if (name.reportValidity()) showReceipt(await ask('POST', pathOf('ping')))
  }

  function pathOf(kind) {
    return \`/\${kind}/\${encodeURIComponent(name.value)}\`
  }
}

function showReceipt(answer) {
  say(at('receipt', HTMLElement), answer.ok ? receiptIn(answer.text) : answer.problem)
}

function receiptIn(json) {
  const { id, connections } = JSON.parse(json)
  return \`Queued for \${counted(connections, 'connection')}\${id ? \`, as \${id}\` : ''}.\`
}

/** The page of a hub. It uses what any page can: an EventSource, and the documented HTTP interface. */

/** Milliseconds between two looks at figures and clients. */
const LOOK_MS = 2_000

const overview = createOverview()
const joining = createJoining({
  mayJoin: () => {
    if (access.isMissing) access.insist()
    return !access.isMissing
  },
  // Without it, the list would not show a client that has just joined until the next look.
  joined: () => void overview.refreshClients(),
})
const access = createAccess({ changed: arrive, forgotten: joining.leave })

createSending(joining.also)
void arrive()
void keepLooking()

/** Looks for the first time with what key there is, and joins if the hub lets in. */
async function arrive() {
  await lookOnce()
  if (!access.isMissing) joining.resume()
}

/** A page that nobody sees asks for nothing. */
async function keepLooking() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    if (!document.hidden && !access.isMissing) await lookOnce()
  }
}

async function lookOnce() {
  const answer = await overview.refresh()
  if (!answer.ok && answer.status === 401) access.ask(answer.problem)
  else access.settle()
}
</script>
</body>
</html>
`
