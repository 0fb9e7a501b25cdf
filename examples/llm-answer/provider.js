// @ts-check
import { setTimeout } from 'node:timers/promises'

const TEXT = `A stream ends with the page that reads it; an answer should not. So the server writes it
down as it comes, and tells every tab about each piece. A page that loads again fetches what there is
and goes on with the next piece. Nothing is lost, nothing comes twice, and nobody pays for an answer
a second time because a train went through a tunnel.`

/**
 * Stands for a language model, so that the example starts without a key. In its place, pass the signal
 * to the client of your provider, and yield the text of each chunk of its stream.
 * @param {string} question @param {AbortSignal} signal @returns {AsyncGenerator<string>}
 */
export async function* answer(question, signal) {
  for (const word of `You asked: “${question}” ${TEXT}`.split(/\s+/)) {
    await setTimeout(60, undefined, { signal })
    yield `${word} `
  }
}
