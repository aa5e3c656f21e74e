#!/usr/bin/env python3
"""Builds both editions and puts the website together in _build/site: python tools/build_book.py [--clean].

The editions are built side by side, one thread each, with warnings as errors. Outputs of code cells are cached
(jupyter-cache); that cache knows only the cells, so it is emptied here whenever course_lib, data or the pins change.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody keeps two builds of one checkout apart there
    fcntl = None  # type: ignore[assignment]

sys.path.insert(0, str(Path(__file__).resolve().parent))
import vendor

ROOT = Path(__file__).resolve().parent.parent
EDITIONS = ("en", "zh")
CODE = ("course_lib", "data", "requirements.txt", "constraints.txt")
SITE = ("_config.yml", "_toc.yml", "book/_ext", "book/references.bib", "package-lock.json", "tools/build_book.py")
PAGES = ("book/en", "book/zh")
NOT_SOURCES = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}
PROGRESS = re.compile(r"^(reading sources|Executing notebook|(?!\[IPKernelApp\]).*(WARNING|ERROR|CRITICAL|Error))")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def files_of(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Every source file at or below these places."""
    for name in names:
        place = root / name
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file() and not NOT_SOURCES & set(file.parts):
                yield file


def fingerprint(root: Path, names: tuple[str, ...]) -> str:
    """Digest of names and contents of all files at or below these places."""
    digest = hashlib.sha256()
    for file in files_of(root, names):
        digest.update(f"{file.relative_to(root).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def state(root: Path) -> dict[str, str]:
    """What the built site depends on, as three digests."""
    return {"code": fingerprint(root, CODE), "site": fingerprint(root, SITE), "pages": fingerprint(root, PAGES)}


def recorded_state(root: Path) -> dict[str, str]:
    """The digests of the last build that ended well; empty when there was none."""
    try:
        return json.loads((root / "_build/state.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}


def is_current(root: Path = ROOT) -> bool:
    """Whether _build/site was made from the sources as they are now."""
    return (root / "_build/site/index.html").is_file() and recorded_state(root) == state(root)


def discard_stale(root: Path, now: dict[str, str]) -> None:
    """Removes what an earlier build left and this one may not use."""
    before = recorded_state(root)
    for edition in EDITIONS:
        built = root / "_build" / edition / "_build"
        if before.get("code") != now["code"]:
            shutil.rmtree(built, ignore_errors=True)
        elif before.get("site") != now["site"]:  # cell outputs stay good
            for name in ("html", ".doctrees"):
                shutil.rmtree(built / name, ignore_errors=True)


def keep_outputs(root: Path, now: dict[str, str]) -> None:
    """Says that the cells' outputs belong to the code as it is, so that a build that fails need not run them again."""
    (root / "_build/state.json").write_text(json.dumps({"code": now["code"]}), encoding="utf-8")


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Waits until no other build of this checkout runs; two would remove each other's files."""
    (root / "_build").mkdir(exist_ok=True)
    with open(root / "_build/.lock", "w") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                print("build_book: waiting for another build of this checkout to end", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def follow(edition: str, process: subprocess.Popen, log: Path) -> None:
    """Keeps the whole output of a build in its log, and shows the lines that say where it is."""
    assert process.stdout is not None
    with open(log, "w", encoding="utf-8") as file:
        for raw in process.stdout:
            line = COLOUR.sub("", raw)
            file.write(line)
            if PROGRESS.match(line):
                print(f"[{edition}] {line.rstrip()}", flush=True)


def start(root: Path, edition: str) -> tuple[subprocess.Popen, threading.Thread]:
    """Starts the build of one edition."""
    target = root / "_build" / edition
    target.mkdir(parents=True, exist_ok=True)
    command = [
        str(Path(sysconfig.get_path("scripts")) / "jupyter-book"),
        *("build", str(root / "book" / edition), "--path-output", str(target), "-W", "--keep-going"),
        *("--config", str(root / "_config.yml"), "--toc", str(root / "_toc.yml")),
    ]
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    environment = {**os.environ, **threads, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    follower = threading.Thread(target=follow, args=(edition, process, target / "build.log"))
    follower.start()
    return process, follower


def build_editions(root: Path = ROOT) -> list[str]:
    """Builds both editions at the same time; gives back those that failed."""
    began = time.monotonic()
    running = {edition: start(root, edition) for edition in EDITIONS}
    failed = []
    for edition, (process, follower) in running.items():
        follower.join()
        if process.wait():
            failed.append(edition)
        report = root / "_build" / edition / "execution.json"
        seconds = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
        word = "failed" if edition in failed else "built"
        took = time.monotonic() - began
        print(f"[{edition}] {word} after {took:.0f} s; its pages' code takes {sum(seconds.values()):.0f} s")
    return failed


def assemble(root: Path = ROOT) -> Path:
    """Puts both editions and what they share into _build/site, replacing what was there at the very end."""
    site, new, old = (root / "_build" / name for name in ("site", "site.new", "site.old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    for edition in EDITIONS:
        built = root / "_build" / edition / "_build"
        shutil.copytree(built / "html", new / edition, ignore=shutil.ignore_patterns(".buildinfo", "objects.inv"))
        shutil.copytree(built / "shared", new / "shared", dirs_exist_ok=True)
    for file in (root / "book/_ext/front").iterdir():
        shutil.copy(file, new / file.name)
    (new / ".nojekyll").touch()  # GitHub Pages would hide _static
    if site.exists():
        site.rename(old)
    new.rename(site)
    shutil.rmtree(old, ignore_errors=True)
    return site


def main() -> int:
    """Builds what is out of date and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", action="store_true", help="forget everything built before, cached outputs too")
    parser.add_argument("--lenient", action="store_true", help="put the site together in spite of warnings (drafts)")
    options = parser.parse_args()
    with alone(ROOT):
        return build(options.clean, options.lenient)


def build(clean: bool, lenient: bool) -> int:
    """Brings the site up to date and says what went wrong; gives back the exit status."""
    if clean:
        for name in (*EDITIONS, "site", "state.json"):
            target = ROOT / "_build" / name
            target.unlink(missing_ok=True) if target.is_file() else shutil.rmtree(target, ignore_errors=True)
    vendor.install(ROOT)
    now = state(ROOT)
    discard_stale(ROOT, now)
    keep_outputs(ROOT, now)
    failed = build_editions()
    if failed and not lenient:
        logs = " and ".join(f"_build/{edition}/build.log" for edition in failed)
        print(f"build_book: warnings are errors; see above, or {logs}", file=sys.stderr)
        return 1
    site = assemble()
    if not failed:
        (ROOT / "_build/state.json").write_text(json.dumps(now), encoding="utf-8")
    print(f"The site is in {site.relative_to(ROOT)}: `make serve` shows it.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
