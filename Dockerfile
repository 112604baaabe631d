# One node of the example shop. twofold.toml comes with it: app, workers, profile and limits of this
# version; what is secret comes from files when it runs.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS dependencies
# gunicorn's C parser comes as source.
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv --without-pip /opt/venv
COPY docker/requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --require-hashes -r requirements.txt


FROM dependencies AS code
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY framework framework
COPY deploy deploy
COPY loadtests loadtests
# The check fails the build when requirements.txt no longer fits pyproject.toml. Load tests run
# elsewhere.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --no-deps --target /opt/twofold . \
    && PYTHONPATH=/opt/twofold pip --python /opt/venv/bin/python check \
    && rm -r /opt/twofold/loadtests
COPY examples/shop/twofold.toml /app/
COPY examples/shop/shop /app/shop
# Bytecode that is taken as it is, so that the same code is the same layer.
RUN /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app


# Without what a node never uses: progress bars for terminals, and the packages' own tests.
FROM dependencies AS needed
RUN pip --python /opt/venv/bin/python uninstall --yes rich pygments markdown-it-py mdurl \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +


FROM ${PYTHON_IMAGE}
# HOME is where a read-only container has its tmpfs, whatever user it runs as.
ENV PATH=/opt/twofold/bin:/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/twofold \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001
EXPOSE 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=30s --start-period=60s --retries=3 \
    CMD ["python", "-m", "deploy.gunicorn.health", "/readyz", "8001"]
CMD ["twofold", "serve", "--bind", "0.0.0.0:8001", "--drain", "3"]
# From the layer that changes least to the one that changes most.
COPY --from=needed /opt/venv /opt/venv
COPY --from=code /opt/twofold /opt/twofold
COPY --from=code /app /app
ARG VERSION=dev
ARG REVISION=unknown
ENV TWOFOLD_VERSION=${VERSION}
LABEL org.opencontainers.image.title="Twofold example shop" \
      org.opencontainers.image.description="One node of the shop: workers on ports of their own, sessions in Redis" \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
