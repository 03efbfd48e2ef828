# One image for every role: `gigawatt worker`, `gigawatt migrate`, `gigawatt produce ...`.
FROM python:3.12-slim
WORKDIR /gigawatt
COPY requirements.lock .
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && useradd --system --create-home gigawatt
USER gigawatt
ENTRYPOINT ["gigawatt"]
