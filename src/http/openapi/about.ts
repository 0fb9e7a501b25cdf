/** The operations that tell about the service itself. They require no credential. */
import { z } from 'zod'
import { OpenApiQuery } from '../schemas/requests.ts'
import { json, type Operation, text } from './operation.ts'

/** The dashboard, the client, health, and the document itself. */
export const ABOUT: Readonly<Record<string, Operation>> = {
  'GET /': {
    id: 'dashboard',
    tag: 'about',
    summary: 'Returns the dashboard, a page for listening and publishing, if it is enabled.',
    responses: {
      200: {
        ...text('The page.', 'text/html', z.string(), '<!doctype html>'),
        headers: ['Cache-Control'],
      },
    },
  },
  'GET /client.js': {
    id: 'clientScript',
    tag: 'about',
    summary: 'Returns the client for pages without a bundler, if it is enabled.',
    responses: {
      200: {
        ...text(
          'An ES module that exports `connect`.',
          'text/javascript',
          z.string(),
          'export { … }',
        ),
        headers: ['Cache-Control'],
      },
    },
  },
  'GET /healthz': {
    id: 'health',
    tag: 'about',
    summary: 'Responds as long as the process runs.',
    responses: { 200: text('The process runs.', 'text/plain', z.literal('ok'), 'ok') },
  },
  'GET /readyz': {
    id: 'readiness',
    tag: 'about',
    summary: 'Reports whether the hub accepts streams and events.',
    description:
      'Returns 503 while the hub is shutting down and while the journal can’t be reached.',
    responses: {
      200: text('The hub accepts streams and events.', 'text/plain', z.literal('ready'), 'ready'),
    },
  },
  'GET /openapi.json': {
    id: 'openapi',
    tag: 'about',
    summary: 'Returns this document. It contains no secrets and requires no credential.',
    parameters: { query: OpenApiQuery },
    responses: {
      200: json('The OpenAPI document.', z.record(z.string(), z.unknown()), {
        openapi: '3.2.0',
      }),
    },
  },
}
