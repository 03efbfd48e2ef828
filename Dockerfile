# One image for the roles that talk to a Kafka and a ClickHouse: `gigawatt worker`, `migrate`, `produce ...`, `status`.
# What `gigawatt up` runs on one machine (the `local` extra of pyproject.toml) is not in it.
FROM python:3.12.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/gigawatt
COPY requirements-image.lock .
# Wheels alone: nothing is compiled, and nothing is run that has no hash.
RUN /opt/gigawatt/bin/pip install --require-hashes --only-binary :all: -r requirements-image.lock
COPY . .
RUN /opt/gigawatt/bin/pip install --no-deps --no-build-isolation . \
    && /opt/gigawatt/bin/pip uninstall --yes setuptools pip

FROM python:3.12.13-slim-bookworm
COPY --from=build /opt/gigawatt /opt/gigawatt
# On the path that every shell and manifest has; a number, so that Kubernetes sees that it is not root.
RUN ln -s /opt/gigawatt/bin/gigawatt /usr/local/bin/gigawatt \
    && groupadd --gid 65532 gigawatt \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent gigawatt
USER 65532:65532
ENTRYPOINT ["gigawatt"]
