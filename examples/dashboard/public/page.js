// @ts-check
import { connect, typed } from 'hono-sse/client'

/** @typedef {{ at: number, orders: number, responseMs: number }} Sample */

const SHOWN = 120
const [WIDTH, HEIGHT] = [600, 160]

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id)

const stream = connect({
  url: '/events',
  share: 'dashboard', // All tabs show the same, so they may share a stream.
  lastEventId: 'earliest', // The journal has the last five minutes: the chart is full at once.
  topics: ['shop'],
  events: {
    sample: /** @type {typeof typed<Sample>} */ (typed)(),
    viewers: /** @type {typeof typed<number>} */ (typed)(),
  },
})

/** @type {Sample[]} */
let samples = []
let isScheduled = false
stream.on('sample', (sample) => {
  samples = [...samples.slice(1 - SHOWN), sample]
  // Many events may arrive at once, and are drawn once.
  if (!isScheduled) requestAnimationFrame(draw)
  isScheduled = true
})
stream.on('viewers', (viewers) => {
  at('viewers').value = viewers
})
stream.onStatus(({ state }) => {
  at('status').textContent = state === 'live' ? 'live' : 'reconnecting…'
  at('status').className = state
})

function draw() {
  isScheduled = false
  const latest = samples[samples.length - 1]
  at('orders').value = latest?.orders
  at('responseMs').value = `${latest?.responseMs} ms`
  const top = Math.max(...samples.map(({ responseMs }) => responseMs), 100)
  const points = samples.map(({ responseMs }, n) => {
    const x = WIDTH - (samples.length - 1 - n) * (WIDTH / (SHOWN - 1))
    return `${x.toFixed(1)},${(HEIGHT - (responseMs / top) * (HEIGHT - 10)).toFixed(1)}`
  })
  at('line').setAttribute('points', points.join(' '))
  const left = points[0]?.split(',')[0]
  at('area').setAttribute('points', `${left},${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}`)
  at('top').textContent = `${top} ms`
}

at('order').onclick = () => fetch('/orders', { method: 'POST' })
