/** The help: commands to use this hub, ready to copy. */
import { base } from './api.ts'
import { copyText, listenCommand, publishCommand } from './copy.ts'
import { byId, createButton, createElement } from './elements.ts'

/** Sets up the dialog. Its commands are made when it opens: a key may have been entered meanwhile. */
export function createHelp(): void {
  const dialog = byId('help', HTMLDialogElement)
  byId('help-button', HTMLElement).addEventListener('click', () => {
    byId('commands', HTMLElement).replaceChildren(...commands())
    dialog.showModal()
  })
}

function commands(): HTMLElement[] {
  const script = `import { connect } from '${location.origin}${base}/client.js'`
  return [
    ['Listen as alice, to the topic news', listenCommand('alice', ['news'])],
    ['Send to alice', publishCommand('/clients/alice', { data: 'hello' })],
    ['Send to a topic', publishCommand('/topics/news', { data: 'hello', event: 'headline' })],
    ['Send to everyone', publishCommand('/broadcast', { data: 'hello', ephemeral: true })],
    ['In a page', script],
  ].flatMap(([title = '', command = '']) => {
    const about = createElement('dd')
    about.append(createElement('code', command))
    about.append(createButton('Copy', 'link', (button) => copyText(button, command)))
    return [createElement('dt', title), about]
  })
}
