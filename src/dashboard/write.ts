/** Writes the generated modules: the dashboard, and the client as one script. */
import { writeFileSync } from 'node:fs'
import { CLIENT_TARGET, clientModule } from './bundle-client.ts'
import { inline, TARGET } from './inline.ts'

writeFileSync(TARGET, inline())
writeFileSync(CLIENT_TARGET, clientModule())
