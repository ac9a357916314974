# syntax=docker/dockerfile:1
# One image a function: docker build --build-arg FUNCTION=ingest -t logpulse/ingest .
# All functions are built in one stage, so that five images cost hardly more than one.

# Manifests with empty sources: all that the dependencies hang on, so that a change of code leaves them built.
FROM rust:1.95-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -name main.rs ! -name lib.rs -delete \
    && echo 'fn main() {}' >/empty.rs && find . -name '*.rs' -exec cp /empty.rs {} \;

FROM rust:1.95-bookworm AS build
WORKDIR /src
# The last stage has no zlib to link to, and nobody to read symbols; one unit a crate makes smaller images, sooner.
ENV LIBZ_SYS_STATIC=1 CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
ARG BUILD="cargo build --release --locked --bins -p ingest -p get -p search -p consumer -p docs"
COPY --from=manifests /src .
RUN $BUILD
COPY openapi/openapi.json openapi/
COPY shared shared
COPY functions functions
# Cargo goes by time: sources older than the empty ones would count as built.
RUN find functions shared -name '*.rs' -exec touch {} + && $BUILD

FROM gcr.io/distroless/cc-debian12:nonroot
ARG FUNCTION
COPY --from=build /src/target/release/${FUNCTION:?missing} /function
# Inside, it listens for everybody; what is published is said outside.
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --retries=2 --start-period=60s --start-interval=1s CMD ["/function", "--health"]
ENTRYPOINT ["/function"]
