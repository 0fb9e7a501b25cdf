/** The chart of the README: bars as SVG, readable on a light page and on a dark one. */
import type { ScenarioName } from './job.ts'
import { type Row, round } from './report.ts'

/** What the chart is drawn from. */
export interface Charted {
  readonly scenario: ScenarioName
  readonly title: string
  readonly unit: string
  readonly figure: string
  readonly rows: readonly Row[]
  readonly machine: string
  /** In ISO 8601. */
  readonly date: string
}

const SHOWN: readonly ScenarioName[] = ['broadcast', 'burst', 'idle', 'storm', 'publish']
const WIDTH = 800
const LABEL = 230
const BAR = 16
const STEP = 22
const LONGEST = WIDTH - LABEL - 80

const STYLE = `text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:14px}.note{fill:#59636e;font-size:12px}
.ours{fill:#0969da}.peer{fill:#8c959f}.base{fill:#c6cdd5}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.note{fill:#9198a1}
.ours{fill:#4493f8}.peer{fill:#656c76}.base{fill:#3d444d}}`

/** An SVG with a panel for each of the scenarios that say most. */
export function chart(scenarios: readonly Charted[]): string {
  let top = 8
  const panels = SHOWN.flatMap((name) => scenarios.filter(({ scenario }) => scenario === name))
  const drawn = panels.map((panel) => {
    const { text, height } = panelOf(panel, top)
    top += height
    return text
  })
  const machines = [...new Set(panels.map(({ machine }) => machine))]
  const note = `<text class="note" x="8" y="${top + 12}">Server on one core; medians; less is better. ${xml(machines.join('; '))}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + 24}" role="img" aria-label="Benchmark">
<style>${STYLE}</style>
${drawn.join('\n')}
${note}
</svg>
`
}

function panelOf({ title, unit, figure, rows, date }: Charted, top: number) {
  const measured = rows.filter(({ figures }) => figures[figure] !== undefined)
  const most = Math.max(...measured.map(({ figures }) => figures[figure] ?? 0))
  const bars = measured.map(({ title, kind, figures }, at) => {
    const y = top + 30 + at * STEP
    const value = figures[figure] ?? 0
    const width = Math.max(1, (Math.max(0, value) / most) * LONGEST)
    return `<text x="${LABEL - 8}" y="${y + 12}" text-anchor="end">${xml(title)}</text>
<rect class="${kind}" x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>
<text x="${(LABEL + width + 6).toFixed(1)}" y="${y + 12}">${round(value)}</text>`
  })
  const head = `<text class="title" x="8" y="${top + 16}">${xml(title)}: ${xml(unit)} <tspan class="note">(${date.slice(0, 10)})</tspan></text>`
  return { text: [head, ...bars].join('\n'), height: 30 + measured.length * STEP + 16 }
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
