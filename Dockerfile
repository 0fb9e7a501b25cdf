# docker build -t hono-sse . && docker run -p 3020:3020 -e PUBLISH_KEY --stop-timeout 15 hono-sse
# Written without a Docker engine at hand: its steps were run one by one, the image was not built.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package needs a script of its own to build this one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

# Nothing that is copied here was compiled for a machine: another libc will do.
FROM node:24-alpine
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
# Beyond loopback the server wants a PUBLISH_KEY, and refuses to start without one.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3020
EXPOSE 3020
USER node
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["node", "-e", "const { PORT, TLS_CERT } = process.env; process.env.NODE_TLS_REJECT_UNAUTHORIZED = 0; fetch(`http${TLS_CERT ? 's' : ''}://127.0.0.1:${PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# As a list, so that SIGTERM reaches the server and not a shell; it needs DRAIN_SECONDS to say goodbye to all.
CMD ["node", "dist/node.js"]
