# Cordum Runbook Bot. Untested: this file was written on a machine without a Docker engine.
#
# There is no build step: Node runs the TypeScript sources. The image can run with a read-only root file system; the
# journal is the only thing that it writes, and it lies in the volume /data.
# trixie: its Redis 8.0 reads backups of Redis up to 8.0, the 7.4 of redis:7-alpine among them; the 7.0 of bookworm reads none of 7.2 and later.
FROM node:26-trixie-slim

WORKDIR /app
ENV NODE_ENV=production \
    RUNBOOK_BOT_CONFIG=/etc/runbook-bot/runbook-bot.yaml

# What backups, drills and restores start: servers that load a copy, and the programs that take and check one. Without them the rest works.
# A restore of Redis wants a redis-server here that is no newer than the live one, and new enough to load the backup.
RUN apt-get update \
 && apt-get install -y --no-install-recommends redis-server redis-tools nats-server \
 && rm -rf /var/lib/apt/lists/*

# --ignore-scripts: the only install script is that of the pinned Node for development, which the image has no use for.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY LICENSE ./
COPY src ./src
COPY runbooks ./runbooks

# `node` (uid 1000) comes with the base image.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080

HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# Node itself is process 1, so that it gets SIGTERM and can finish what has begun (up to 15 s).
CMD ["node", "src/main.ts"]
