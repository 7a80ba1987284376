# syntax=docker/dockerfile:1

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH
WORKDIR /src
# The libraries first: this layer changes only with the lock.
COPY requirements-appserver.lock ./
RUN pip install --require-hashes --requirement requirements-appserver.lock
COPY pyproject.toml README.md LICENSE manifest.yml ./
COPY bridge ./bridge
COPY slack_playground ./slack_playground
RUN pip install --no-deps --no-build-isolation .

FROM python:3.13-slim
# git and a shell are what agents use most; ca-certificates for Slack and the model providers.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --home-dir /data --shell /usr/sbin/nologin bridge
COPY --from=build /opt/bridge /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BRIDGE_WEB__HOST=0.0.0.0 \
    BRIDGE_LOG__FORMAT=json
USER bridge
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('BRIDGE_WEB__PORT', '8080') + '/healthz', timeout=4)"]
# The bridge stops in order on SIGTERM, which is what the engine sends.
ENTRYPOINT ["letta-bridge"]
CMD ["run"]
