/** Runs a program on a terminal of its own, as a person would, and reads what appears there. */
import type { Command } from './process.ts'

/** The command on a terminal. What is written to its input is typed: `\x03` is Ctrl-C. */
export function onTerminal({ file, args }: Command): Command {
  const words = [file, ...args].map((word) => `'${word}'`).join(' ')
  // -e: the exit code is that of the command; exec: it receives signals without a shell in between.
  return { file: 'script', args: ['-qefc', `exec ${words}`, '/dev/null'] }
}

/** Ctrl-C. */
export const CTRL_C = '\x03'

/** Text without the control sequences of a terminal, and with the line ends of a file. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are control sequences.
  return text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '').replaceAll('\r\n', '\n')
}
