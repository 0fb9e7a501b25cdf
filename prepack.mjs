/** What `npm pack` and `npm publish` do first: build anew, and remove the declarations that no export leads to. */
import { execSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'

rmSync('dist', { recursive: true, force: true })
execSync('npm run build', { stdio: 'inherit' })

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.values(exports).flatMap(({ types }) => types ?? [])
// The compiler knows every way in which a declaration can refer to another.
const options = '--listFilesOnly --ignoreConfig --module nodenext --target es2023'
const listed = execSync(`tsc ${options} ${entries.join(' ')}`, { encoding: 'utf8' })
const reached = new Set(
  listed
    .trim()
    .split(/\r?\n/)
    .map((file) => realpathSync(file)),
)
for (const name of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
  const file = realpathSync(join('dist', name))
  if (file.endsWith('.d.ts') && !reached.has(file)) rmSync(file)
}
