# Argus in a container:
#
#   docker build --target cpu  -t argus:cpu .
#   docker build --target cuda -t argus:cuda .
#   docker compose up                              the App, its database and a worker
#
# Not built where it was written, for want of a container engine: checked by hadolint, and by
# tests/test_containers.py, which looks whether what each step copies and calls exists.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1
# FiftyOne's MongoDB, where it is used, needs libcurl; everything else comes as wheels.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 argus
WORKDIR /opt/argus
COPY constraints.txt pyproject.toml requirements.txt README.md LICENSE fiftyone.yml plugin_entry.py ./
COPY argus_fiftyone argus_fiftyone
COPY assets assets

# Editable, so that `argus link` finds the plugin's files beside the package.
# Processors only: PyTorch's own index has builds without the gigabytes of CUDA.
FROM base AS cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --constraint constraints.txt --extra-index-url "${TORCH_INDEX}" \
    --editable ".[offline]"
USER 1000
RUN argus encoders
ENTRYPOINT ["argus"]
CMD ["--help"]

# NVIDIA GPUs: PyTorch's default Linux build brings CUDA; the host needs driver and container toolkit.
FROM base AS cuda
RUN pip install --no-cache-dir --constraint constraints.txt --editable ".[offline]"
USER 1000
RUN argus encoders
ENTRYPOINT ["argus"]
CMD ["--help"]

# The FiftyOne App, and the worker of delegated operations, with Argus as a plugin.
FROM cpu AS app
ENV FIFTYONE_PLUGINS_DIR=/home/argus/plugins
RUN argus link
EXPOSE 5151
ENTRYPOINT ["fiftyone"]
CMD ["app", "launch", "--remote", "--address", "0.0.0.0", "--wait", "-1"]
