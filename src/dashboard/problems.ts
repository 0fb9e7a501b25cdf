/** Errors beside the field that they are about, which go away when the field changes. */
import type { ApiResult } from './api.ts'
import { byId, setText } from './elements.ts'

/** A field whose error is in the element `<id>-error`. */
export type Field = HTMLInputElement | HTMLTextAreaElement

/** Shows an error beside a field until the field changes; without a text, removes it. */
export function showError(field: Field, text: string): void {
  setText(byId(`${field.id}-error`, HTMLElement), text)
  if (text) field.setAttribute('aria-invalid', 'true')
  else field.removeAttribute('aria-invalid')
}

/** Removes the errors of fields as they change, and calls `changed`. */
export function watchFields(fields: readonly Field[], changed: () => void = () => {}): void {
  for (const field of fields) {
    field.addEventListener('input', () => {
      showError(field, '')
      changed()
    })
  }
}

/** Requires a text. If it is missing, shows that beside its field, which receives the focus. */
export function requireText(field: Field, problem: string): boolean {
  if (field.value !== '') return true
  showError(field, problem)
  field.focus()
  return false
}

/**
 * Shows what the hub rejected beside the fields that it names. Returns what belongs to no field.
 * @param fields - by the name that the API gives them
 */
export function showProblem(result: ApiResult, fields: Readonly<Record<string, Field>>): string {
  if (result.ok) return ''
  const found = result.issues.flatMap(({ path, message }) => {
    const field = fields[path.split('.').at(-1) ?? '']
    return field ? [{ field, message }] : []
  })
  for (const { field, message } of found) {
    // Most say what the field must be: "must have at most …".
    const sentence = /^[a-z]/.test(message) ? `It ${message}` : message
    showError(field, `${sentence} (${result.status})`)
  }
  const first = found[0]?.field
  // Who has gone on to another form keeps writing there.
  const focused = document.activeElement
  if (focused === document.body || first?.form?.contains(focused)) first?.focus()
  return found.length > 0 ? '' : result.problem
}
