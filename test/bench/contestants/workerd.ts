/** How workerd holds a Durable Object, as Cloudflare's own set-up says it: no proxy, no development server. */

/** What is to run, and where. */
export interface WorkerdInit {
  readonly port: number
  /** The module, in the same folder as the configuration, and the folder for what objects keep. */
  readonly module: string
  readonly disk: string
  readonly variables: Readonly<Record<string, string>>
}

/** @see https://github.com/cloudflare/workerd/blob/main/src/workerd/server/workerd.capnp */
export function workerdConfig({ port, module, disk, variables }: WorkerdInit): string {
  const texts = Object.entries(variables).map(
    ([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)}), `,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = ${JSON.stringify(disk)}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${JSON.stringify(module)})],
  compatibilityDate = "2026-04-01",
  compatibilityFlags = ["enable_request_signal"],
  bindings = [${texts.join('')}(name = "HUB", durableObjectNamespace = "Hub")],
  durableObjectNamespaces = [(className = "Hub", uniqueKey = "hub", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
);
`
}
