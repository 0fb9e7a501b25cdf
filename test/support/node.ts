/** The Node door, as `npm start` runs it. */
import type { Command } from './process.ts'

/** How it is started: on the tests' own Node, unless another is to be held to them (see .ci/nodes). */
export const NODE_DOOR: Command = {
  file: process.env.NODE_UNDER_TEST || process.execPath,
  args: ['dist/node.js'],
}
