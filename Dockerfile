# The agent's image: Node, one bundle and its compile cache, root's alone and writable by nobody.
#
#   buildah build --format docker --build-arg BUILD_BASE=…@sha256:… --build-arg BASE=…@sha256:… -t pullpath .
#
# linux/amd64 and linux/arm64: each is built on (or emulates) its own kind, since a compile cache is read only by the
# Node that wrote it. Both bases must be pinned by digest.
#
# BUILD_BASE  Debian or alike with npm, any Node >= 20, sh, strip, libstdc++ and libatomic: the full image of Node
# BASE        glibc, no older than the one of BUILD_BASE, and nothing else: a distroless base
ARG BUILD_BASE
ARG BASE

FROM ${BUILD_BASE} AS build
ARG BUILD_BASE
ARG BASE
RUN for base in "$BUILD_BASE" "$BASE"; do \
      case "$base" in *@sha256:*) ;; *) echo "'$base' is not pinned: name it as image@sha256:..." >&2; exit 1 ;; esac; \
    done
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY LICENSE bundle.mjs ./
COPY src src
RUN npm run --silent build

# Node is the one of the lock file, which all tests ran on. It needs three libraries that a small base lacks.
# Without its symbol table it is a fifth smaller; nothing is loaded into it that would look there. A package without a
# file of its licence names it in its package.json.
RUN set -eu; \
    image=/usr/lib/pullpath; \
    mkdir -p $image/bin $image/lib $image/licenses; \
    strip -o $image/bin/node node_modules/node-linux-*/bin/node; \
    cp -L /usr/lib/*-linux-gnu/libstdc++.so.6 /usr/lib/*-linux-gnu/libgcc_s.so.1 \
      /usr/lib/*-linux-gnu/libatomic.so.1 $image/lib/; \
    cp dist/pullpath.cjs $image/; \
    cp LICENSE $image/licenses/pullpath; \
    cp dist/pullpath.cjs.LEGAL.txt $image/licenses/; \
    cp node_modules/node-linux-*/LICENSE $image/licenses/node; \
    npm ls --omit=dev --omit=optional --all --parseable | tail -n +2 | while read -r package; do \
      name=$(echo "${package#*/node_modules/}" | tr / +); \
      for license in "$package"/package.json "$package"/LICEN[CS]E* "$package"/license*; do \
        [ ! -f "$license" ] || cp "$license" "$image/licenses/$name"; \
      done; \
    done

# The demo is the real agent, made to notice an incident: what it compiled is what the agent runs. Node finds the cache
# by its own version, the bundle's path, and the user; V8 accepts it under the same flags alone. Modes come last, so
# that the stage below copies them as they are.
RUN set -eu; \
    export LD_LIBRARY_PATH=/usr/lib/pullpath/lib NODE_COMPILE_CACHE=/usr/lib/pullpath/compile-cache; \
    /usr/lib/pullpath/bin/node --max-semi-space-size=1 --no-memory-reducer --no-maglev --no-opt \
      /usr/lib/pullpath/pullpath.cjs demo --scenario talos-resync --once > /dev/null; \
    [ -n "$(find $NODE_COMPILE_CACHE -type f)" ]; \
    chown -R 0:0 /usr/lib/pullpath; \
    find /usr/lib/pullpath -type f -exec chmod 0444 {} +; \
    find /usr/lib/pullpath -type d -exec chmod 0555 {} +; \
    chmod 0555 /usr/lib/pullpath/bin/node

FROM ${BASE}
ARG BASE
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Pullpath" \
      org.opencontainers.image.description="Verifies on every node what containerd really does with its registry mirrors" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /usr/lib/pullpath /usr/lib/pullpath
ENV PATH=/usr/lib/pullpath/bin:/usr/bin:/bin \
    LD_LIBRARY_PATH=/usr/lib/pullpath/lib \
    NODE_COMPILE_CACHE=/usr/lib/pullpath/compile-cache
# Spegel's and Talos' files on a node belong to root and some are its alone (0600); no capability is needed for them.
USER 0:0
EXPOSE 9478
# For runtimes that ask the image. Kubernetes does not: the chart's probes ask the agent over HTTP.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9478/livez').then((it) => process.exit(it.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/lib/pullpath/bin/node", \
  "--max-semi-space-size=1", "--no-memory-reducer", "--no-maglev", "--no-opt", \
  "/usr/lib/pullpath/pullpath.cjs"]
CMD ["agent"]
