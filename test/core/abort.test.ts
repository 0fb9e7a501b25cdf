/** An abort signal has one listener, however many tasks wait for it, and none once nothing waits. */
import { expect, test, vi } from 'vitest'
import { onAborted } from '../../src/core/abort.ts'

/** A signal, how many listeners it has, and the tasks that were run. */
function counted() {
  const controller = new AbortController()
  const { signal } = controller
  const add = vi.spyOn(signal, 'addEventListener')
  const remove = vi.spyOn(signal, 'removeEventListener')
  const done: string[] = []
  const wait = (name: string) => onAborted(signal, () => void done.push(name))
  const listeners = () => {
    const removed = remove.mock.calls.map(([type, listener]) => type === 'abort' && listener)
    return add.mock.calls.filter(([, listener]) => !removed.includes(listener)).length
  }
  return { controller, done, wait, listeners }
}

test('all tasks that wait are run once, by one listener', () => {
  const { controller, done, wait, listeners } = counted()
  for (let n = 0; n < 20; n++) wait(`${n}`)
  expect([listeners(), done]).toEqual([1, []])
  controller.abort()
  controller.signal.dispatchEvent(new Event('abort'))
  expect(done).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`))
})

test('a task that is forgotten is not run, and the last one takes the listener with it', () => {
  const { controller, done, wait, listeners } = counted()
  const forgetA = wait('a')
  const forgetB = wait('b')
  forgetA()
  expect(listeners()).toBe(1)
  forgetB()
  expect(listeners()).toBe(0)
  wait('c')
  expect(listeners()).toBe(1)
  controller.abort()
  expect(done).toEqual(['c'])
})

test('a task that is forgotten twice does not take the listener of others with it', () => {
  const { wait, listeners } = counted()
  const forgetA = wait('a')
  forgetA()
  wait('b')
  forgetA()
  wait('c')
  expect(listeners()).toBe(1)
})

test('a task is run at once if the signal is aborted already', () => {
  const { controller, done, wait, listeners } = counted()
  controller.abort()
  wait('a')()
  expect([done, listeners()]).toEqual([['a'], 0])
})
