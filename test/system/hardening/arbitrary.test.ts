/** For any request, in any access mode, the response is useful and the hub's state unchanged. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drafts } from './arbitraries.ts'
import { createAttackedHub, MODES } from './invariants.ts'

test.each(Object.keys(MODES))(
  'no request makes a hub that is %s fail, or leaves anything behind',
  async (name) => {
    const { attack, credentials } = await createAttackedHub(name)
    await fc.assert(
      fc.asyncProperty(drafts(credentials), async (draft) => {
        expect(await attack(draft)).toBeUndefined()
      }),
      // State left over from one request would mislead the shrinking.
      { numRuns: 200, endOnFailure: true },
    )
  },
)
