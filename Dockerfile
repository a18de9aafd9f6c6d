# The pipeline with its UI. One image serves code server, webserver, daemon and command line.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock requirements-cluster.lock ./
# With requirements-cluster.lock months can be computed on a Dask cluster.
ARG LOCK=requirements.lock
RUN python -m venv /opt/perf \
 && /opt/perf/bin/pip install --no-cache-dir --require-hashes -r "$LOCK"
COPY pyproject.toml README.md LICENSE ./
COPY perf_pipeline ./perf_pipeline
COPY dbt_like_sql ./dbt_like_sql
RUN /opt/perf/bin/pip install --no-cache-dir --no-deps . \
 && cd / && /opt/perf/bin/python -c "import perf_pipeline.definitions"  # code digests and bytecode, kept in the image

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 perf && mkdir /data /dagster && chown perf /data /dagster
COPY --from=build /opt/perf /opt/perf
COPY workspace.yaml /app/workspace.yaml
ENV PATH=/opt/perf/bin:$PATH PERF_HOME=/data PYTHONUNBUFFERED=1
USER perf
WORKDIR /app
VOLUME /data
EXPOSE 3000
# Inside a container loopback is nobody's; publish the port to the host's loopback, the UI has no login.
CMD ["perf-pipeline", "serve", "--host", "0.0.0.0"]
