/** Helpers for the DOM. They set text, never markup, so that published data can't become HTML. */

/** Returns the element with this id. @throws {Error} if the document has no such element of this kind */
export function byId<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id)
  if (found instanceof kind) return found
  throw new Error(`The document has no #${id} of this kind.`)
}

/** Creates an element with this text. */
export function createElement<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  text = '',
  className = '',
): HTMLElementTagNameMap[Tag] {
  const created = document.createElement(tag)
  created.textContent = text
  created.className = className
  return created
}

/** Sets a text only if it differs, so that a screen reader does not announce it twice. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** Formats the time of day, to the second. */
export function timeOfDay(time: Date): string {
  return clock.format(time)
}

/** Formats a number of things: "1 event", "2 events". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
