# syntax=docker/dockerfile:1
# One function:         docker build --build-arg FUNCTION=ingest -t logpulse/ingest .
# Standalone LogPulse:  docker build --target standalone -t logpulse/standalone .

FROM rust:1.95-bookworm AS sources
WORKDIR /src
# The runtime image has no zlib to link to. One codegen unit per crate, no symbols and packed relocations (glibc 2.36 or
# newer) make the binaries smaller.
ENV LIBZ_SYS_STATIC=1 CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
    RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs"
COPY . .

# The cache lets later builds, and the other stage, reuse compiled dependencies. Cargo compares modification times, so the
# sources must be newer than the cached artifacts. One cargo invocation for all functions builds `shared` once; the linker
# removes code that a function does not use.
FROM sources AS build-functions
RUN --mount=type=cache,id=logpulse-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=logpulse-target,target=/src/target,sharing=locked \
    find deployments functions openapi shared -type f -exec touch {} + \
    && cargo build --release --locked --bins $(printf ' -p %s' $(ls functions)) \
    && mkdir /functions && cd target/release && cp $(ls /src/functions) /functions

FROM sources AS build-standalone
RUN --mount=type=cache,id=logpulse-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=logpulse-target,target=/src/target,sharing=locked \
    find deployments functions openapi shared -type f -exec touch {} + \
    && cargo build --release --locked -p standalone && cp target/release/logpulse / && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
# Listen on all of the container's addresses; `docker run` decides which ports are published.
# On a kernel that backs all memory with huge pages, the allocator's first arena may take several of them.
ENV HOST=0.0.0.0 PORT=8080 MIMALLOC_ARENA_EAGER_COMMIT=0
EXPOSE 8080

FROM runtime AS standalone
COPY --from=build-standalone /logpulse /logpulse
# A new volume inherits the owner of the directory that it is mounted on.
COPY --from=build-standalone --chown=65532:65532 /data /data
ENV DATA_DIR=/data
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --retries=2 --start-period=60s --start-interval=1s CMD ["/logpulse", "--health"]
ENTRYPOINT ["/logpulse"]

FROM runtime AS function
ARG FUNCTION
COPY --from=build-functions /functions/${FUNCTION:?missing} /function
HEALTHCHECK --interval=30s --timeout=5s --retries=2 --start-period=60s --start-interval=1s CMD ["/function", "--health"]
ENTRYPOINT ["/function"]
