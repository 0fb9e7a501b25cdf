/** The form for the key, shown if the hub requires one. */
import { key } from './api.ts'
import { byId } from './elements.ts'
import { requireText, showError, watchFields } from './problems.ts'

/** The form, as the rest of the page uses it. */
export interface KeyForm {
  /** Whether the hub requires a key that this page does not have. */
  readonly isMissing: boolean
  /** Shows the form, with the problem that the hub reported. */
  show(problem: string): void
  /** Moves the focus to the form. */
  focus(): void
  /** Hides the form: the hub has accepted the key, or requires none. */
  hide(): void
}

/** Sets up the form. `changed` is called when a key is entered or forgotten, `forgotten` only in the latter case. */
export function createKeyForm(on: { changed(): void; forgotten(): void }): KeyForm {
  const form = byId('key', HTMLFormElement)
  const credential = byId('credential', HTMLInputElement)
  const forget = byId('forget', HTMLButtonElement)
  let isMissing = false
  watchFields([credential])
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (!requireText(credential, 'Enter a key or a token.')) return
    if (!/^[!-~]+$/.test(credential.value)) {
      showError(credential, 'A key has printable ASCII characters without spaces only.')
      return
    }
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
    show: (problem) => {
      isMissing = true
      update()
      // Without a key, the form itself explains what is required.
      showError(credential, key.get() ? problem : '')
      key.forget()
      credential.focus()
    },
    focus: () => credential.focus(),
    hide: () => {
      const hadFocus = form.contains(document.activeElement)
      isMissing = false
      update()
      // A hidden element loses the focus. Keyboard users continue with the form to join.
      if (hadFocus) byId('client', HTMLInputElement).focus()
    },
  }

  function update(): void {
    form.hidden = !isMissing
    forget.hidden = isMissing || !key.get()
  }
}
