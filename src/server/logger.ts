/** Writes the log, one line for each message. */
import { type Clock, systemClock } from '../core/clock.ts'
import { LOG_LEVELS, type LogLevel } from './config.ts'
import type { LogQueue } from './log-queue.ts'
import { jsonLine, type LogFormat } from './terminal/log-line.ts'

/** Logs a message with fields, whose names must not come from a client. Never throws. */
export type LogFunction = (message: string, fields?: Readonly<Record<string, unknown>>) => void

/** A log with one function per level. */
export interface Logger {
  readonly debug: LogFunction
  readonly info: LogFunction
  readonly warn: LogFunction
  readonly error: LogFunction
  readonly fatal: LogFunction
  /** Whether lines of this level are written. */
  isEnabledFor(level: LogLevel): boolean
}

/**
 * Opens a log.
 * @param level - the lowest level that is written
 * @param output - where lines go; without it, to the console
 * @param format - how lines look; by default, JSON
 */
export function openLog(level: LogLevel, output?: LogQueue, format: LogFormat = jsonLine): Logger {
  const lowest = LOG_LEVELS.indexOf(level)
  const isEnabledFor = (other: LogLevel) => LOG_LEVELS.indexOf(other) >= lowest
  return {
    debug: lineFunction('debug', (line) => console.debug(line)),
    info: lineFunction('info', (line) => console.info(line)),
    warn: lineFunction('warning', (line) => console.warn(line)),
    error: lineFunction('error', (line) => console.error(line)),
    fatal: lineFunction('fatal', (line) => console.error(line)),
    isEnabledFor,
  }

  function lineFunction(lineLevel: LogLevel, print: (line: string) => void): LogFunction {
    if (!isEnabledFor(lineLevel)) return () => {}
    return (message, fields = {}) => {
      const line = format(lineLevel, message, fields, systemClock)
      if (output) output.push(`${line}\n`)
      else print(line)
    }
  }
}

/** The line that reports how many lines were dropped before it. */
export function droppedLine(
  count: number,
  format: LogFormat = jsonLine,
  clock: Clock = systemClock,
): string {
  const message = 'log lines dropped: the log output was too slow, or failed'
  return `${format('warning', message, { count }, clock)}\n`
}
