# docker build -t hono-sse . && docker run -p 3020:3020 -e PUBLISH_KEY --stop-timeout 20 hono-sse
# Written without a Docker engine: the steps were run one by one, but the image was never built.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Building requires no install script of any package.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
# Instances that share a Redis need its client, which npm installs here for the tests only: it stays.
RUN npm run build && mv node_modules/@redis /tmp && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && mv /tmp/@redis node_modules

# None of the copied files is a native binary, so an image with another libc works.
FROM node:24-alpine
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
# On any address but loopback, the server refuses to start without PUBLISH_KEY, tokens or ALLOW_ANONYMOUS.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3020
EXPOSE 3020
USER node
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["node", "-e", "const { PORT, TLS_CERT } = process.env; process.env.NODE_TLS_REJECT_UNAUTHORIZED = 0; fetch(`http${TLS_CERT ? 's' : ''}://127.0.0.1:${PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# As a list, so that SIGTERM reaches the server and not a shell. The server then drains its streams, for up to
# DRAIN_DELAY_SECONDS and DRAIN_SECONDS.
CMD ["node", "dist/node.js"]
