/** Writes the generated module of the dashboard. */
import { writeFileSync } from 'node:fs'
import { inline, TARGET } from './inline.ts'

writeFileSync(TARGET, inline())
