/** Checks that no journal gives a position to a second event, whether it begins anew or goes on after a restart. */
import { clientKey } from '../../core/address.ts'
import { epochOf } from '../../core/cursor.ts'
import type { Journal } from '../journal.ts'
import { type ConformanceCheck, check, equal, idsOf, type OpenJournal, truthy } from './harness.ts'

const ALICE = clientKey('alice')

/** Two journals may share an epoch by chance, if both of them begin in the same millisecond; several never do. */
const FRESH = 4

/** The checks of epochs, restarts and `close`. */
export function restartChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check('each new journal starts an epoch of its own', async () => {
      const epochs = new Set<string>()
      for (let n = 0; n < FRESH; n++) epochs.add(epochOf((await open({}, [])).journal.head()))
      truthy(epochs.size > 1, `journals that have nothing in common differ from ${[...epochs]}`)
    }),

    check('a journal that is opened again loses nothing without a gap', async () => {
      const { journal, reopen } = await open({}, [])
      const ids = await append(journal, 'a', 'b', 'c')
      const again = await reopen?.()
      if (!again) return
      const [first, , last] = ids
      const old = await again.read([ALICE], first, 1e6)
      if (!old.gap) equal(idsOf(old), ids.slice(1))
      const added = await append(again, 'd', 'e', 'f', 'g')
      truthy(!added.some((id) => ids.includes(id)), `${added} are positions of their own`)
      const next = await again.read([ALICE], last, 1e6)
      if (!next.gap) equal(idsOf(next), added)
    }),

    check('a journal that is closed is not ready, and may be closed again', async () => {
      const { journal } = await open({}, [])
      await journal.close()
      await journal.close()
      truthy(journal.ready !== true, 'ready is false after close, or absent')
    }),
  ]
}

async function append(journal: Journal, ...data: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const text of data) ids.push((await journal.append(ALICE, { data: text })).id)
  return ids
}
