/** Writes the module that holds the page. */
import { writeFileSync } from 'node:fs'
import { inline, TARGET } from './inline.ts'

writeFileSync(TARGET, inline())
