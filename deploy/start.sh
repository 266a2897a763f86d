#!/bin/sh
# Create the environment from the lock once, then run the command given.
set -eu
export PATH="/venv/bin:$PATH"
if [ ! -x /venv/bin/dagster ]; then
  python -m venv /venv
  pip install --quiet uv
  uv pip install --quiet --python /venv/bin/python --require-hashes -r requirements.lock
fi
export PYTHONPATH=/app
mkdir -p "$DAGSTER_HOME"
cp dagster.yaml "$DAGSTER_HOME/dagster.yaml"
exec "$@"
