/**
 * Topic patterns: `orders/*` covers the topics one level below `orders`, and `orders/**` all topics below it. Of the patterns
 * that cover a topic, each covers the ones that are more exact, so that among the names that remain in `uncovered`,
 * at most one covers any topic.
 */

/** The maximum number of levels of a pattern, the wildcard included. It bounds at how many patterns a topic is stored. */
export const MAX_LEVELS = 10

/** Returns whether the name of something that connections follow is a pattern. It MUST have been validated. */
export function isPattern(name: string): boolean {
  return name.endsWith('*')
}

/** Returns the patterns of up to {@link MAX_LEVELS} levels that cover a topic; none if it has a single level. */
export function patternsOf(topic: string): string[] {
  const patterns: string[] = []
  let end = topic.indexOf('/') + 1
  for (let levels = 2; end > 0 && levels <= MAX_LEVELS; levels++) {
    const parent = topic.slice(0, end)
    end = topic.indexOf('/', end) + 1
    patterns.push(`${parent}**`)
    if (end === 0) patterns.push(`${parent}*`)
  }
  return patterns
}

/** Returns whether a pattern covers a topic, or every topic of another pattern. Any other name covers itself alone. */
export function covers(name: string, other: string): boolean {
  if (name === other) return true
  if (name.endsWith('/**')) return other.startsWith(name.slice(0, -2))
  if (!name.endsWith('/*') || !other.startsWith(name.slice(0, -1))) return false
  const level = other.slice(name.length - 1)
  return !level.includes('/') && level !== '**'
}

/** Returns the patterns that cover every topic of another pattern. */
export function widerPatterns(pattern: string): readonly string[] {
  return patternsOf(pattern).filter((one) => one !== pattern && covers(one, pattern))
}

/** Returns whether something that follows these names receives the events for a topic. */
export function follows(names: readonly string[], topic: string): boolean {
  return names.some((name) => covers(name, topic))
}

/** Returns the names without those that a pattern among them covers. */
export function uncovered(names: readonly string[]): readonly string[] {
  if (!names.some(isPattern)) return names
  const all = new Set(names)
  const isCovered = (name: string) => {
    return patternsOf(name).some((one) => one !== name && all.has(one) && covers(one, name))
  }
  return names.filter((name) => !isCovered(name))
}
