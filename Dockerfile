# The source for Airbyte: docker build --tag source-zohocampaigns .
FROM python:3.11-slim AS wheel
WORKDIR /build
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY schemas ./schemas
COPY tap_zohocampaigns ./tap_zohocampaigns
RUN python -m pip install --quiet --disable-pip-version-check "uv>=0.8"
RUN uv build --quiet --wheel
# What the wheel needs, in the versions that it was tested with.
RUN uv export --quiet --locked --no-dev --no-emit-project --extra airbyte --extra redis --output-file needed.txt
RUN python -m venv --without-pip /opt/source
ENV UV_COMPILE_BYTECODE=1
RUN uv pip install --quiet --python /opt/source --requirement needed.txt dist/*.whl

FROM python:3.11-slim
COPY --from=wheel /opt/source /opt/source
# The ledger of calls is kept here while the container lives; `rate_limit_ledger` names
# a Redis for more.
ENV PATH="/opt/source/bin:$PATH" XDG_STATE_HOME=/tmp
ENV AIRBYTE_ENTRYPOINT=source-zohocampaigns
LABEL io.airbyte.name=source-zohocampaigns io.airbyte.version=0.1.0
USER 1000:1000
ENTRYPOINT ["source-zohocampaigns"]
