# syntax=docker/dockerfile:1
#
# One static program on an empty file system: no shell, no package manager, nobody to become.
#
#   docker build -t asc-webhooks .
#   docker run -p 8080:8080 -v asc-webhooks:/data -v ./config.toml:/etc/asc-webhooks/config.toml:ro --read-only asc-webhooks
#
# `tests/faults/image.rs` lays the last stage out as it stands here and runs it, without an engine.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(uname -m)-unknown-linux-gnu" \
    && RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" cargo build --release --locked --target "$target" \
    && install -D "target/$target/release/asc-webhooks" /image/asc-webhooks \
    && install --directory --owner=65534 --group=65534 /image/data

FROM scratch
LABEL org.opencontainers.image.title="asc-webhooks" \
      org.opencontainers.image.description="Receives App Store Connect webhooks and gets every one of them handled" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /image/ /

# What the container itself decides, whatever the configuration file says: every address of its own, and the volume.
ENV ASC_WEBHOOKS__SERVER__LISTEN=0.0.0.0:8080 \
    ASC_WEBHOOKS__STORE__URL=sqlite:/data/asc-webhooks.db
USER 65534:65534
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=5s CMD ["/asc-webhooks", "healthcheck"]
ENTRYPOINT ["/asc-webhooks"]
CMD ["serve"]
