"""The first cell of every page and lab, in a stand-in for Colab: a real clone, a recorded pip, no network."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib import colab

ROOT = Path(__file__).resolve().parents[2]
URL = "https://github.com/seeing-faces/seeing-faces"


def code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def first_cell() -> str:
    return code_cells(ROOT / "labs/en/face_quality_lab.ipynb")[0]


@pytest.fixture
def world(tmp_path):
    """A repository to clone, the package google.colab, and a pip and an apt-get that only write down their arguments."""
    origin, stubs, tools = tmp_path / "origin", tmp_path / "stubs", tmp_path / "bin"
    keep = (
        "labs/en/face_quality_lab.ipynb",
        "labs/zh/face_quality_lab.ipynb",
        "course_lib/__init__.py",
        "course_lib/colab.py",
    )
    for name in keep:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, origin / name)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = project.replace("dependencies = [", 'dependencies = [\n  "not-in-colab>=1.2",', 1)
    (origin / "pyproject.toml").write_text(project, encoding="utf-8")
    git = ["git", "-C", str(origin), "-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(origin)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "course"], check=True)

    (stubs / "google/colab").mkdir(parents=True)
    (stubs / "google/__init__.py").touch()
    (stubs / "google/colab/__init__.py").touch()
    (stubs / "google/colab/output.py").write_text(
        "def enable_custom_widget_manager():\n    print('custom widgets on')\n"
    )
    (stubs / "google/colab/_message.py").write_text(
        "import json, os\n"
        "def blocking_request(kind, request='', timeout_sec=5):\n"
        "    assert kind == 'get_ipynb'\n"
        "    return {'ipynb': json.load(open(os.environ['OPEN_NOTEBOOK']))} if 'OPEN_NOTEBOOK' in os.environ else None\n"
    )
    (stubs / "pip").mkdir()
    (stubs / "pip/__init__.py").touch()
    (stubs / "pip/__main__.py").write_text(
        "import json, os, pathlib, sys\n"
        "where = sys.argv.index('--constraint') + 1\n"
        "record = {'arguments': sys.argv[1:], 'constraints': pathlib.Path(sys.argv[where]).read_text()}\n"
        "with open(os.environ['PIP_RECORD'], 'a') as file: file.write(json.dumps(record) + '\\n')\n"
        "if os.environ.get('PIP_FAILS'): sys.exit('ERROR: no matching distribution')\n"
    )
    tools.mkdir()
    for name, answer in (("apt-get", "exit 0"), ("fc-list", "echo 'Noto Sans CJK SC'")):
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "$APT_RECORD"\n{answer}\n')
        (tools / name).chmod(0o755)
    env = os.environ | {
        "PYTHONPATH": str(stubs),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PIP_RECORD": str(tmp_path / "pip.jsonl"),
        "APT_RECORD": str(tmp_path / "apt.txt"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{origin}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }
    env.pop("COURSE_LANG", None)
    return {"home": tmp_path / "content/seeing-faces", "env": env, "tmp": tmp_path}


def run_cell(world: dict, **env: str) -> subprocess.CompletedProcess:
    cell = first_cell()
    assert cell.count('"/content/seeing-faces"') == 1
    code = cell.replace('"/content/seeing-faces"', repr(str(world["home"])))
    code += (
        "\n\nimport json, os, sys, course_lib\n"
        "print('STATE', json.dumps({'folder': os.getcwd(), 'language': os.environ.get('COURSE_LANG'), "
        "'package': course_lib.__file__, 'torch': 'torch' in sys.modules}))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env=world["env"] | env,
        cwd=world["tmp"],
        capture_output=True,
        text=True,
        timeout=60,
    )


def state(result: subprocess.CompletedProcess) -> dict:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.split("STATE ")[1])


def pip_calls(world: dict) -> list[dict]:
    record = Path(world["env"]["PIP_RECORD"])
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def test_first_cell_is_short_and_the_same_in_both_languages():  # tools/check_sources.py compares all pages
    assert len(first_cell().splitlines()) <= 12
    assert code_cells(ROOT / "labs/zh/face_quality_lab.ipynb")[0] == first_cell()


def test_outside_colab_nothing_happens(world):
    env = world["env"] | {"PYTHONPATH": ""}
    result = subprocess.run(
        [sys.executable, "-c", first_cell() + "\n\nimport sys\nassert 'course_lib.colab' not in sys.modules"],
        env=env, cwd=world["tmp"], capture_output=True, text=True,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert not world["home"].exists() and not pip_calls(world)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_in_colab_the_course_is_fetched_and_only_missing_packages_are_installed(world, language):
    opened = world["tmp"] / "open.ipynb"
    shutil.copy(ROOT / f"labs/{language}/face_quality_lab.ipynb", opened)
    result = run_cell(world, OPEN_NOTEBOOK=str(opened))
    found = state(result)
    assert Path(found["folder"]) == (world["home"] / "labs" / language).resolve()
    assert found["language"] == language
    assert Path(found["package"]).is_relative_to(world["home"].resolve())
    assert "custom widgets on" in result.stdout
    assert not found["torch"]  # looking whether torch is there takes no five seconds

    (call,) = pip_calls(world)
    options, packages = call["arguments"][:4], call["arguments"][4:]
    assert options[:3] == ["install", "--quiet", "--constraint"]
    assert packages == ["not-in-colab>=1.2"]
    import numpy
    import torch

    for untouched in (torch, numpy):
        assert untouched.__name__ not in " ".join(packages)
        assert f"{untouched.__name__}=={untouched.__version__}" in call["constraints"].splitlines()


def test_a_second_run_uses_the_clone_and_a_reader_without_answer_gets_english(world):
    state(run_cell(world))
    (world["home"] / "mine.txt").write_text("kept")
    found = state(run_cell(world, GIT_CONFIG_VALUE_0="https://nowhere.invalid/"))
    assert (world["home"] / "mine.txt").exists()
    assert found["language"] == "en" and found["folder"].endswith("/labs/en")


def test_a_missing_chinese_font_is_installed_by_apt_and_only_for_chinese(world):
    fc_list = world["tmp"] / "bin/fc-list"
    fc_list.write_text("#!/bin/sh\nexit 0\n")
    for language, wanted in (("en", False), ("zh", True)):
        state(run_cell(world, OPEN_NOTEBOOK=str(ROOT / f"labs/{language}/face_quality_lab.ipynb")))
        record = Path(world["env"]["APT_RECORD"])
        assert record.exists() == wanted
    assert "install -y -qq fonts-noto-cjk" in record.read_text()


def test_failures_say_what_to_do(world):
    result = run_cell(world, PIP_FAILS="1")
    assert "pip could not install not-in-colab>=1.2" in result.stderr and "no matching distribution" in result.stderr
    with pytest.raises(RuntimeError, match="torch is missing: this is no standard Colab runtime"):
        colab.missing(["torch>=2.4", "numpy"], installed=lambda module: False)


def test_import_names_that_differ_from_package_names():
    asked = []
    colab.missing(
        ["opencv-python>=4", "pillow", "scikit-image>=0.22", "lightning-fabric"], lambda m: not asked.append(m)
    )
    assert asked == ["cv2", "PIL", "skimage", "lightning_fabric"]
    assert colab.missing(colab.requirements()) == []  # this environment has everything that the course declares


COLAB_BRINGS = {"scipy", "opencv-python", "ipykernel", "nbformat", "jupyterlab", "typer", "pooch", "beautifulsoup4"}
IMPORTS = """
import ast, json, sys

sys.modules.update(dict.fromkeys(json.loads(sys.argv[1])))  # None: cannot be imported, and is not found either
for path in json.loads(sys.argv[2]):
    for cell in [c for c in json.load(open(path))["cells"] if c["cell_type"] == "code"][1:]:
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                try:
                    exec(ast.unparse(node), {})
                except ModuleNotFoundError as error:
                    print(path, ast.unparse(node), error)
"""


def imports_that_fail(declared: list[str]) -> str:
    """What pages and labs import and would not find, if Colab had nothing of ours but what is declared."""

    def names(lines):
        return {re.match(r"[\w.-]+", line)[0].lower() for line in lines if re.match(r"\w", line)}

    with (ROOT / "requirements.txt").open() as file:
        pinned = names(file)
    absent = pinned - names(declared) - COLAB_BRINGS
    modules = [colab.IMPORT_NAMES.get(name, name.replace("-", "_")) for name in sorted(absent)]
    notebooks = [str(path) for tree in ("book", "labs") for path in sorted((ROOT / tree / "en").rglob("*.ipynb"))]
    command = [sys.executable, "-c", IMPORTS, json.dumps(modules), json.dumps(notebooks)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_pages_and_labs_import_only_what_the_first_cell_installs_or_colab_brings():
    assert imports_that_fail(colab.requirements()) == ""
    assert "lightning_fabric" in imports_that_fail([r for r in colab.requirements() if "lightning" not in r])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_lab_can_be_opened_in_colab_from_itself_and_from_the_site(language):
    guide = (ROOT / f"book/{language}/how-to-use.md").read_text(encoding="utf-8")
    for lab in sorted((ROOT / "labs" / language).glob("*.ipynb")):
        address = (
            f"https://colab.research.google.com/github/seeing-faces/seeing-faces/blob/main/labs/{language}/{lab.name}"
        )
        assert f"]({address})" in "".join(json.loads(lab.read_text(encoding="utf-8"))["cells"][0]["source"]), lab.name
        assert f"]({address})" in guide, lab.name


def test_real_pip_accepts_the_constraints_and_changes_nothing(tmp_path):
    file = tmp_path / "constraints.txt"
    file.write_text("\n".join(colab.constraints()))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-index", "--constraint", str(file)]
    result = subprocess.run([*command, "--report", "-", "numpy", "torch"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["install"] == []
