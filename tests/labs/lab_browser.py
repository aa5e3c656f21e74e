"""A real JupyterLab in headless Chromium, for tests of labs: server, browser, and what a reader does in a notebook."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from check_site import CHROMIUM_FLAGS

CAMERA_FLAGS = (  # a camera that needs no hardware and asks no question: a green picture with a moving dial
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)

SETTINGS = {
    # windowing takes cells that are out of sight out of the page: off, so that locators stay valid
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def chromium_path() -> str:
    """The browser to drive: $CHROMIUM, or the system's; without one the test fails in CI and is skipped elsewhere."""
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    for name in filter(None, names):
        if path := shutil.which(name):
            return path
    message = "no Chromium: apt-get install chromium, or name one in $CHROMIUM"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Headless Chromium with a fake camera; ``flags`` are added."""
    return playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM_FLAGS, *CAMERA_FLAGS, *flags])


class JupyterLab:
    """``jupyter lab`` on loopback with settings and runtime folders of its own.

    Args:
        root: folder that it serves; it autosaves, so give it a copy.
        home: empty folder for its own files.
        theme: name of a JupyterLab theme, such as "JupyterLab Dark".
    """

    def __init__(self, root: Path, home: Path, theme: str = "JupyterLab Light"):
        self.root, self.token = root, "seeing-faces"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for name, values in (SETTINGS | {"apputils-extension/themes": {"theme": theme}}).items():
            file = home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        folders = {
            "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
        }  # fmt: skip
        env = os.environ | {variable: str(home / folder) for variable, folder in folders.items()}
        env.setdefault("OMP_NUM_THREADS", "1")  # on a busy machine threads wait for each other longer than they work
        env.pop("COURSE_LANG", None)  # the notebook's folder decides, as for a reader
        self.log = home / "log.txt"
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={self.port}",
                "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={root}",
                "--LabApp.news_url=", "--LabApp.extension_manager=readonly",
            ],
            env=env, stdout=self.log.open("w"), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        wait_until(self._answers, 60, "JupyterLab does not answer", self.log)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"JupyterLab stopped:\n{self.log.read_text()}")
        try:
            self.get("status")
        except OSError:
            return False
        return True

    def get(self, path: str):
        """JSON of one address of the server's API."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/{path}?token={self.token}", timeout=5) as answer:
            return json.load(answer)

    def open(self, context: BrowserContext, notebook: str, timeout: float = 60) -> "Notebook":
        """Open a notebook in a new tab and wait for its kernel.

        Args:
            context: browser context; its viewport is the window.
            notebook: path under the served folder.
            timeout: default patience of everything on that page, in seconds.
        """
        page = context.new_page()
        page.set_default_timeout(1000 * timeout)
        page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?token={self.token}&reset")
        panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        panel.wait_for()

        def idle() -> bool:  # before that, Run All would ask for a kernel
            sessions = [s for s in self.get("sessions") if s["path"] == notebook]
            return bool(sessions) and all(s["kernel"]["execution_state"] == "idle" for s in sessions)

        wait_until(idle, timeout, "the kernel does not get idle", self.log)
        # ... which the page has to know as well; the status bar says so in windows of every width
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=1000 * timeout)
        return Notebook(page, panel, timeout)

    def close(self) -> None:
        """Stop the server and its kernels."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


class Notebook:
    """A notebook that is open in a tab: ``page`` is the tab, ``panel`` the notebook."""

    def __init__(self, page: Page, panel: Locator, timeout: float):
        self.page, self.panel, self.timeout = page, panel, timeout
        self.page_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    def run_all(self) -> None:
        """Run > Run All Cells, from the menu; fails with the traceback if a cell does."""
        self.page.get_by_role("menuitem", name="Run", exact=True).first.click()
        self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        last = self.panel.locator(".jp-CodeCell").last.locator(".jp-InputPrompt")
        try:
            expect(last).to_have_text(re.compile(r"\[\d+\]:"), timeout=1000 * self.timeout)
        finally:
            assert not self.errors(), "\n".join(self.errors())

    def errors(self) -> list[str]:
        """Tracebacks and everything else that cells wrote to stderr."""
        return self.panel.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()

    def press(self, target: Locator, *keys: str) -> None:
        """Give an element the focus, as Tab would, and press keys."""
        target.focus()
        for key in keys:
            self.page.keyboard.press(key)


def wait_until(condition, seconds: float, complaint: str, log: Path | None = None) -> None:
    """Poll until ``condition()`` is true; after ``seconds`` fail with ``complaint`` and the end of ``log``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{complaint} after {seconds} s\n{log.read_text()[-3000:] if log else ''}")
        time.sleep(0.1)


def drag(page: Page, held: Locator, area: Locator, x: float, y: float) -> None:
    """Drags a thing by its middle to a place of an area, in shares of its width and height from the upper left."""
    area.scroll_into_view_if_needed()
    box, thing = area.bounding_box(), held.bounding_box()
    page.mouse.move(thing["x"] + thing["width"] / 2, thing["y"] + thing["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
    page.mouse.up()
