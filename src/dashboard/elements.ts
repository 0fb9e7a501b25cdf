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
  if (text) created.textContent = text
  if (className) created.className = className
  return created
}

/** Creates a button. `act` receives it, so that it can say what it has done. */
export function createButton(
  text: string,
  className: string,
  act: (button: HTMLButtonElement) => unknown,
): HTMLButtonElement {
  const button = createElement('button', text, className)
  button.type = 'button'
  button.addEventListener('click', () => void act(button))
  return button
}

/** Sets a text only if it differs, so that a screen reader does not announce it twice. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Suggests the text of a field. Whoever is about to type there replaces it. */
export function suggestText(field: HTMLInputElement, text: string): void {
  if (field.value === text) return
  field.value = text
  if (document.activeElement === field) field.select()
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** Formats the time of day, to the second. */
export function timeOfDay(time: Date | number): string {
  return clock.format(time)
}

/** Formats a number of things: "1 event", "2 events". */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString()} ${noun}${count === 1 ? '' : 's'}`
}

/** Lets the arrow keys, Home and End move between the summaries of a list, which are no tab stops of their own. */
export function moveByArrows(list: HTMLElement): void {
  list.addEventListener('keydown', (event) => {
    if (event.target !== list && !(event.target as Element).matches('li > details > summary'))
      return
    const all = [...list.querySelectorAll<HTMLElement>(':scope > li > details > summary')]
    const index = all.indexOf(document.activeElement as HTMLElement)
    const target = {
      ArrowDown: all[index + 1],
      ArrowUp: all[index - 1] ?? list,
      Home: all[0],
      End: all.at(-1),
    }[event.key]
    if (!target) return
    event.preventDefault()
    target.focus()
  })
}

/** Removes an element. If the focus is within it, the list receives it, not what happens to come next. */
export function removeFrom(list: HTMLElement, element: Element): void {
  const hasFocus = element.contains(document.activeElement)
  element.remove()
  if (hasFocus) list.focus()
}
