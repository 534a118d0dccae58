# The mock deployment as an image: `gatefall serve`. docker-compose.yml says with what.
FROM python:3.11.13-slim-bookworm
WORKDIR /opt/gatefall
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY pyproject.toml README.md ./
COPY scenarios scenarios
COPY sim sim
COPY conformance conformance
COPY reports reports
COPY gatefall gatefall
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .
RUN useradd --create-home gatefall
USER gatefall
WORKDIR /home/gatefall
ENTRYPOINT ["gatefall"]
CMD ["serve"]
