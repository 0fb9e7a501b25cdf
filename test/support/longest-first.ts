/** The order of test files: the slowest start first, so that none runs alone at the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** By measurement; a name matches every path that contains it. */
const LONGEST = [
  'system/hardening/worker',
  'system/behaviour/worker',
  'system/hardening/node',
  'resharding.deploy',
  'system/behaviour/node',
  'system/soak/many',
  'system/behaviour/deno',
  'system/cluster/faults',
  'system/behaviour/bun',
  'system/hardening/deno',
  'system/behaviour/redis',
  'system/hardening/bun',
  'adapters/bun',
  'system/cluster/roaming',
  'system/package/project',
  'dashboard/page.tabs',
  'dashboard/page.looks',
  'cli/listen',
]

/** Sorts files by `LONGEST`; the others follow, in the order that vitest gives them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((name) => moduleId.includes(name))
  return rank === -1 ? LONGEST.length : rank
}
