/** The line of configuration that mends each finding, for the hub and for common proxies. */

/** What the table has lines for. */
export type Remedy =
  | 'unreachable'
  | 'certificate'
  | 'http2'
  | 'prefix'
  | 'authorization'
  | 'buffering'
  | 'compression'
  | 'idle'
  | 'lastEventId'
  | 'journal'
  | 'cookie'
  | 'forwardedProto'
  | 'corsTwice'
  | 'cors'
  | 'bodySize'

/** By program, in this order. */
const PROGRAMS = ['nginx', 'HAProxy', 'Caddy', 'Traefik', 'Cloudflare', 'Apache', 'hub'] as const

/** One for each program. */
type Lines = readonly string[] & { readonly length: (typeof PROGRAMS)['length'] }

const REMEDIES: Readonly<Record<Remedy, Lines>> = {
  unreachable: [
    'proxy_pass http://127.0.0.1:3020;',
    'server hub1 127.0.0.1:3020',
    'reverse_proxy 127.0.0.1:3020',
    'services.hub.loadBalancer.servers: [{ url: "http://127.0.0.1:3020" }]',
    'DNS: point the host name to the server, and open its port',
    'ProxyPass / http://127.0.0.1:3020/',
    'start it, with the HOST and PORT that the proxy forwards to',
  ],
  certificate: [
    'ssl_certificate /etc/ssl/hub.pem;  (the whole chain, for this host name)',
    'bind :443 ssl crt /etc/haproxy/site.pem  (the whole chain, then the key)',
    'hub.example.com { … }  (Caddy obtains and renews the certificate)',
    'tls: { certResolver: letsencrypt }',
    'SSL/TLS > Edge Certificates: cover this host name',
    'SSLCertificateFile /etc/ssl/hub.pem  (the whole chain)',
    'TLS_CERT, TLS_KEY',
  ],
  http2: [
    'listen 443 ssl http2;  (from 1.25.1 on: http2 on;)',
    'bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1',
    'servers { protocols h1 h2 h3 }  (the default)',
    'remove alpnProtocols from the TLS options, or list h2',
    'Speed > Settings > Protocol Optimization: HTTP/2 on',
    'Protocols h2 http/1.1  (with mod_http2)',
    'TLS_CERT and TLS_KEY, on Node',
  ],
  prefix: [
    'location /realtime/ { proxy_pass http://hub/; }  (with both slashes)',
    'http-request replace-path /realtime(/.*) \\1',
    'handle_path /realtime/* { reverse_proxy 127.0.0.1:3020 }',
    'middlewares.strip.stripPrefix.prefixes: ["/realtime"]',
    'Rules > Transform Rules > Rewrite URL: remove the prefix',
    'ProxyPass /realtime/ http://127.0.0.1:3020/',
    'none: the hub serves /sse; the proxy strips what precedes it',
  ],
  authorization: [
    'remove: proxy_set_header Authorization',
    'remove: http-request del-header Authorization',
    'remove: header_up -Authorization',
    'remove Authorization from headers.customRequestHeaders',
    'Rules > Transform Rules: remove the rule for Authorization',
    'remove: RequestHeader unset Authorization',
    'none: it reads the header',
  ],
  buffering: [
    'proxy_buffering off;  (or remove: proxy_ignore_headers X-Accel-Buffering)',
    'remove: http-response wait-for-body',
    'reverse_proxy … { flush_interval -1 }  (and remove: buffer_responses, response_buffers)',
    'remove the middleware "buffering" from this router',
    'use a named tunnel, not trycloudflare.com; no Worker that reads the body',
    'for /sse, remove filters (SetOutputFilter), and set SecResponseBodyAccess Off',
    'none: it sends each event at once',
  ],
  compression: [
    'gzip off;  (in the location of /sse)',
    'remove text/event-stream from: compression type',
    'encode { match { not header Content-Type text/event-stream* } }, or no encode for /sse',
    'middlewares.zip.compress.excludedContentTypes: ["text/event-stream"]',
    'Rules > Compression Rules: disable compression for /sse',
    'SetEnvIf Request_URI "/sse$" no-gzip no-brotli',
    'COMPRESS_MIN_BYTES: it compresses each event by itself, without delay',
  ],
  idle: [
    'proxy_read_timeout 60s;',
    'timeout client 60s  and  timeout server 60s',
    'reverse_proxy … { transport http { read_timeout 60s } }',
    'entryPoints.web.transport.respondingTimeouts: { readTimeout: 0, writeTimeout: 0 }',
    'fixed (100 s for most plans): lower HEARTBEAT_SECONDS',
    'ProxyTimeout 60',
    'HEARTBEAT_SECONDS, below half of the shortest time-out',
  ],
  lastEventId: [
    'remove: proxy_set_header Last-Event-ID',
    'remove: http-request del-header Last-Event-ID',
    'remove: header_up -Last-Event-ID',
    'remove Last-Event-ID from headers.customRequestHeaders',
    'Rules > Transform Rules: remove the rule for Last-Event-ID',
    'remove: RequestHeader unset Last-Event-ID',
    'none: it reads the header',
  ],
  journal: [
    'hash $arg_id consistent;  (in upstream, without Redis)',
    'balance url_param id  (without Redis)',
    'lb_policy query id  (without Redis; from 2.7 on)',
    'loadBalancer.sticky.cookie: {}  (without Redis)',
    'Load Balancing: session affinity  (without Redis)',
    'ProxySet stickysession=ROUTE, and send that cookie  (without Redis)',
    'REDIS_URL, on every instance',
  ],
  cookie: [
    'remove: proxy_set_header Cookie, proxy_hide_header Set-Cookie, proxy_cookie_path',
    'remove: http-request del-header Cookie, http-response del-header Set-Cookie',
    'remove: header_up -Cookie, header_down -Set-Cookie',
    'remove Cookie and Set-Cookie from headers.custom…Headers',
    'Caching > Cache Rules: bypass the cache for this host',
    'remove: RequestHeader unset Cookie, Header unset Set-Cookie, Header edit Set-Cookie',
    'none: it sends the cookie without a path',
  ],
  forwardedProto: [
    'proxy_set_header X-Forwarded-Proto $scheme;',
    'http-request set-header X-Forwarded-Proto https',
    'remove: header_up -X-Forwarded-Proto',
    'none: it sends the header',
    'none: it sends the header',
    'RequestHeader set X-Forwarded-Proto https',
    'TRUST_PROXY=1  (the number of proxies)',
  ],
  corsTwice: [
    'remove: add_header Access-Control-Allow-Origin',
    'remove: http-response set-header Access-Control-Allow-Origin',
    'remove: header Access-Control-Allow-Origin',
    'remove accessControlAllowOriginList from the middleware "headers"',
    'Rules > Transform Rules: remove Access-Control-Allow-Origin',
    'remove: Header always set Access-Control-Allow-Origin',
    'CORS_ORIGINS: the hub alone sends these headers',
  ],
  cors: [
    'remove: proxy_set_header Origin, proxy_hide_header Access-Control-Allow-Origin',
    'remove: http-request del-header Origin',
    'remove: header_up -Origin',
    'remove Origin from headers.customRequestHeaders',
    'Rules > Transform Rules: leave Origin and Access-Control-* as they are',
    'remove: RequestHeader unset Origin',
    'CORS_ORIGINS=https://app.example  (the origin of the page)',
  ],
  bodySize: [
    'client_max_body_size 1m;',
    'remove: http-request deny … req.body_size',
    'request_body { max_size 1MB }',
    'middlewares.limit.buffering.maxRequestBodyBytes: 1048576',
    'fixed (100 MB for most plans); or a WAF rule: remove it',
    'SecRequestBodyNoFilesLimit 1048576  (LimitRequestBody is not for proxies)',
    'MAX_EVENT_BYTES',
  ],
} as const satisfies Readonly<
  Record<string, { readonly length: typeof PROGRAMS.length } & readonly string[]>
>

/** Returns the lines of a remedy by program. */
export function remediesOf(remedy: Remedy): Readonly<Record<string, string>> {
  return Object.fromEntries(PROGRAMS.map((program, i) => [program, REMEDIES[remedy][i] ?? '']))
}
