# syntax=docker/dockerfile:1
# One function:         docker build --build-arg FUNCTION=ingest -t logpulse/ingest .
# Standalone LogPulse:  docker build --target standalone -t logpulse/standalone .

# The manifests with empty sources suffice to build the dependencies, in layers that stay cached when code changes.
FROM rust:1.95-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -name main.rs ! -name lib.rs -delete \
    && echo 'fn main() {}' >/empty.rs && find . -name '*.rs' -exec cp /empty.rs {} \;

FROM rust:1.95-bookworm AS toolchain
WORKDIR /src
# The runtime image has no zlib to link to. One codegen unit per crate and no symbols make the binaries smaller.
ENV LIBZ_SYS_STATIC=1 CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
COPY --from=manifests /src .

# One cargo invocation for all functions builds `shared` once; the linker removes code that a function does not use.
FROM toolchain AS build-functions
ENV BUILD="cargo build --release --locked --bins \$(printf ' -p %s' \$(ls functions))"
RUN eval "$BUILD"
COPY openapi/openapi.json openapi/
COPY shared shared
COPY functions functions
# Cargo compares modification times, so the sources must be newer than the empty files built above.
RUN find functions shared -name '*.rs' -exec touch {} + && eval "$BUILD"

FROM toolchain AS build-standalone
ENV BUILD="cargo build --release --locked -p standalone"
RUN $BUILD
COPY openapi/openapi.json openapi/
COPY shared shared
COPY functions functions
COPY deployments/standalone/src deployments/standalone/src
RUN find deployments functions shared -name '*.rs' -exec touch {} + && $BUILD && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
# Listen on all of the container's addresses; `docker run` decides which ports are published.
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080

FROM runtime AS standalone
COPY --from=build-standalone /src/target/release/logpulse /logpulse
# A new volume inherits the owner of the directory that it is mounted on.
COPY --from=build-standalone --chown=65532:65532 /data /data
ENV DATA_DIR=/data
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --retries=2 --start-period=60s --start-interval=1s CMD ["/logpulse", "--health"]
ENTRYPOINT ["/logpulse"]

FROM runtime AS function
ARG FUNCTION
COPY --from=build-functions /src/target/release/${FUNCTION:?missing} /function
HEALTHCHECK --interval=30s --timeout=5s --retries=2 --start-period=60s --start-interval=1s CMD ["/function", "--health"]
ENTRYPOINT ["/function"]
