#!/bin/sh
# Creates .venv when it is missing and installs one requirements file into it: setup_venv.sh FILE STAMP
set -eu
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || {
  echo "Seeing Faces needs Python 3.11, 3.12 or 3.13; '$python' is $("$python" --version 2>&1). Name another: make PYTHON=python3.12 ..." >&2
  exit 1
}
[ -x .venv/bin/python ] || "$python" -m venv .venv || {
  echo "python3 -m venv failed: on Debian and Ubuntu, 'apt-get install python3-venv' brings it." >&2
  exit 1
}
.venv/bin/python -m pip install --quiet --requirement "$1"
.venv/bin/python -m pip install --quiet --no-deps --editable .
touch "$2"
