/** The app accepts exactly the bodies that the OpenAPI document describes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAppHarness, form, json, text } from '../../support/app-harness.ts'
import { createAuthHarness, KEY } from '../../support/auth-harness.ts'
import { checkAgainst, type Document } from '../../support/openapi-validator.ts'

const document = (await (await createAuthHarness().app.request('/openapi.json')).json()) as Document
const check = checkAgainst(document)

describe('only bodies that match the schema are accepted:', () => {
  const Event = { $ref: '#/components/schemas/Event' }
  const EventForm = { $ref: '#/components/schemas/EventForm' }
  const Grant = { $ref: '#/components/schemas/Grant' }
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('hub:x', 'open', 'error', 'a\nb', '.', ''),
  )
  const maybe = (known: fc.Arbitrary<unknown>) =>
    fc.option(fc.oneof({ weight: 3, arbitrary: known }, anything), { nil: undefined })

  test('an event in JSON', async () => {
    const { request } = createAppHarness()
    const event = fc.record({
      data: maybe(fc.jsonValue()),
      event: maybe(fc.string({ minLength: 1 })),
      ephemeral: maybe(fc.boolean()),
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(event, anything), async (value) => {
        const sent = JSON.parse(JSON.stringify(value)) as unknown
        const { status } = await request('/broadcast', json(sent))
        expect(status).toBe(check(Event, sent).length === 0 ? 200 : 400)
      }),
    )
  })

  test('an event in a form', async () => {
    const { request } = createAppHarness()
    const field = fc.constantFrom('data', 'event', 'ephemeral', 'x')
    const value = fc.oneof(fc.string(), fc.constantFrom('true', 'false', 'open'))
    await fc.assert(
      fc.asyncProperty(fc.dictionary(field, value), async (fields) => {
        const { status } = await request('/broadcast', form(new URLSearchParams(fields).toString()))
        const { ephemeral } = fields
        const read =
          ephemeral && /^(true|false)$/.test(ephemeral) ? ephemeral === 'true' : ephemeral
        const sent = { ...fields, ...(read !== undefined && { ephemeral: read }) }
        expect(status).toBe(check(EventForm, sent).length === 0 ? 200 : 400)
      }),
    )
  })

  test('any text', async () => {
    const { request } = createAppHarness()
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (data) => {
        expect((await request('/broadcast', text(data))).status).toBe(200)
      }),
    )
  })

  test('the grant of a ticket', async () => {
    const { postJson } = createAuthHarness()
    const grant = fc.record({
      client: maybe(fc.string({ minLength: 1 })),
      topics: maybe(fc.array(fc.string({ minLength: 1 }))),
      grantSeconds: maybe(fc.integer({ min: -1, max: 90_000 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(grant, anything), async (value) => {
        const sent = JSON.parse(JSON.stringify(value)) as unknown
        const { status } = await postJson('/tickets', KEY, sent)
        expect(status).toBe(check(Grant, sent).length === 0 ? 200 : 400)
      }),
    )
  })
})
