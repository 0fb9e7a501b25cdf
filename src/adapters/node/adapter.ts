/** The Node adapter: serves with `node:http`, or with `node:http2` if there is a certificate. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { systemClock } from '../../core/clock.ts'
import { portableStream } from '../../http/stream.ts'
import { NOT_ACCEPTED } from '../../server/report.ts'
import type { ServerAdapter } from '../../server/run.ts'
import { certificateFiles, readCertificate, watchCertificate } from './certificate.ts'
import { serveNode } from './server.ts'
import { createNodeStreams, cutOff } from './stream.ts'

type NodeContext = Context<{ Bindings: HttpBindings }>

/** Creates the adapter for Node. */
export function nodeAdapter(): ServerAdapter {
  const native = createNodeStreams()
  return {
    native: native.openStream,
    portable: portableStream((c: NodeContext) => cutOff(c.env.outgoing)),
    remoteAddress: (c: NodeContext) => c.env.incoming.socket.remoteAddress,
    tls: true,
    listen: async ({ fetch }, config, report) => {
      const { PORT: port, HOST: hostname } = config
      const files = certificateFiles(config)
      const first = files && readCertificate(files)
      const server = await serveNode({
        fetch: native.serve(fetch),
        port,
        hostname,
        tls: first?.certificate,
        report: (error) => report(NOT_ACCEPTED, error),
      })
      if (!files || !first) return server
      const unwatch = watchCertificate({
        files,
        version: first.version,
        clock: systemClock,
        renew: server.setCertificate,
        onCheck: (error) => report(error ? NOT_RENEWED : 'certificate renewed', error),
      })
      return {
        port: server.port,
        stop: () => {
          unwatch()
          return server.stop()
        },
      }
    },
  }
}

const NOT_RENEWED = 'the certificate could not be renewed'
