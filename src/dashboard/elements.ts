/** What this page does to its document. Text goes in as text: nothing published can become markup. */

/** The element with this id. @throws {Error} if there is none of this kind */
export function at<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id)
  if (found instanceof kind) return found
  throw new Error(`The document has no #${id} of this kind.`)
}

/** A new element with this text. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  text = '',
  className = '',
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  made.textContent = text
  made.className = className
  return made
}

/** Changes a text only where it differs, so that a screen reader does not hear the same twice. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** The time of day, to the second. */
export function timeOfDay(time: Date): string {
  return clock.format(time)
}

/** A number of things in words. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}
