/** The form that asks for the key, where the hub does. */
import { at, say } from './elements.ts'
import { key } from './hub.ts'

/** The form. */
export interface Access {
  /** Whether the hub asks for a key that it has not got. */
  readonly isMissing: boolean
  /** Shows the form, and what the hub said. */
  ask(problem: string): void
  /** Leads to the form. */
  insist(): void
  /** The hub has what it needs. */
  settle(): void
}

/** Makes the form work. */
export function createAccess(on: { changed(): void; forgotten(): void }): Access {
  const form = at('key', HTMLFormElement)
  const credential = at('credential', HTMLInputElement)
  const forget = at('forget', HTMLButtonElement)
  let isMissing = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    key.set(credential.value)
    credential.value = ''
    isMissing = false
    on.changed()
  })
  forget.addEventListener('click', () => {
    key.forget()
    on.forgotten()
    on.changed()
  })
  return {
    get isMissing() {
      return isMissing
    },
    ask: (problem) => {
      isMissing = true
      show()
      // Whoever has not tried a key yet knows what the form says.
      say(at('key-note', HTMLElement), key.get() ? problem : '')
      key.forget()
      credential.focus()
    },
    insist: () => credential.focus(),
    settle: () => {
      const isHere = form.contains(document.activeElement)
      isMissing = false
      show()
      // What is hidden loses the focus to nothing: whoever uses the keyboard goes on with joining.
      if (isHere) at('client', HTMLInputElement).focus()
    },
  }

  function show(): void {
    form.hidden = !isMissing
    forget.hidden = isMissing || !key.get()
  }
}
