# The image of healthbridge: Node, the libraries that Node loads, and the command line. It has no shell and no package manager.
#
#     docker build --tag healthbridge:0.1.0 .
#
#     NODE_IMAGE -+-> build: npm ci, npm run build --- JavaScript, for every architecture ---.
#                 '-> node:  bin/node, its libraries --- of the target's architecture -------+--> scratch --> image
#
# It is at the top of the repository, where `docker build .` and other tools look for it. docs/deploy/image.md describes the image.
# `npm run image` builds this file without Docker and without a registry.

# A Debian image of Node 20.19, 22 or 24. To build the same image again, pin it: node:24-bookworm-slim@sha256:...
ARG NODE_IMAGE=node:24-bookworm-slim

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Settings of npm, such as another registry: docker build --secret id=npmrc,src=$HOME/.npmrc
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts
COPY . .
RUN npm run build
# The clients of PostgreSQL, MySQL and Redis (for a fleet) are optional for a library. The image has them, in the versions of the lock file.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    rm -r node_modules \
 && npm install --no-save --save-prod --omit=dev --ignore-scripts $(node -p "['pg', 'mysql2', '@redis/client'].map((name) => \
      name + '@' + require('./package-lock.json').packages['node_modules/' + name].version).join(' ')")
# There is no /usr/bin/env in the image.
RUN sed -i '1s|.*|#!/usr/local/bin/node|' dist/cli/main.cjs dist/cli/grpc-health-probe.cjs
# Programs of amd64 look for their loader in /lib64, those of arm64 in /lib.
RUN mkdir -p /image/bin /image/lib /image/etc/healthbridge /image/usr/local/bin /image/usr/lib/healthbridge/dist /image/var/lib \
 && cd /image \
 && ln -s lib lib64 \
 && ln -s /usr/lib/healthbridge/dist/cli/main.cjs usr/local/bin/healthbridge \
 && ln -s /usr/lib/healthbridge/dist/cli/grpc-health-probe.cjs usr/local/bin/grpc-health-probe \
 && ln -s /usr/lib/healthbridge/dist/cli/grpc-health-probe.cjs bin/grpc_health_probe \
 && printf 'root:x:0:0:root:/:/nologin\nhealthbridge:x:65532:65532:healthbridge:/:/nologin\n' > etc/passwd \
 && printf 'root:x:0:\nhealthbridge:x:65532:\n' > etc/group \
 && printf 'hosts: files dns\n' > etc/nsswitch.conf \
 && printf '# Mount a folder with your own file here. See docs/deploy/image.md.\nchecks: {}\n' > etc/healthbridge/healthbridge.yaml \
 && mkdir -m 700 var/lib/healthbridge \
 && chown 65532:65532 var/lib/healthbridge \
 && cp -R /build/dist/cli /build/dist/third-party usr/lib/healthbridge/dist \
 && cp -R /build/node_modules /build/package.json /build/LICENSE usr/lib/healthbridge

FROM ${NODE_IMAGE} AS node

FROM scratch
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node \
  /usr/lib/*-linux-gnu/ld-linux-*.so.* \
  /usr/lib/*-linux-gnu/libc.so.6 \
  /usr/lib/*-linux-gnu/libdl.so.2 \
  /usr/lib/*-linux-gnu/libgcc_s.so.1 \
  /usr/lib/*-linux-gnu/libm.so.6 \
  /usr/lib/*-linux-gnu/libpthread.so.0 \
  /usr/lib/*-linux-gnu/libstdc++.so.6 \
  /lib/
COPY --from=node /usr/local/LICENSE /usr/share/doc/node/
COPY --from=node /usr/share/doc/libc6/copyright /usr/share/doc/libc6/
COPY --from=node /usr/share/doc/gcc-*-base/copyright /usr/share/doc/gcc/
COPY --from=build /image /

ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="healthbridge" \
      org.opencontainers.image.description="One health endpoint that every prober understands: grpc.health.v1 and HTTP" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"

# `probe` without -addr asks this address: set it (and HEALTHBRIDGE_PROBE_TLS...) if the listeners are others.
ENV PATH=/usr/local/bin:/usr/bin:/bin \
    HEALTHBRIDGE_PROBE_ADDR=:50051
EXPOSE 50051 8080
# Other commands look for healthbridge.yaml in the working directory.
WORKDIR /etc/healthbridge
USER 65532:65532
STOPSIGNAL SIGTERM
# The process, not its targets: what restarts an unhealthy container must not restart this one because a target fails.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["healthbridge", "probe", "-service=liveness"]
ENTRYPOINT ["healthbridge"]
CMD ["serve", "-c", "/etc/healthbridge/healthbridge.yaml"]
