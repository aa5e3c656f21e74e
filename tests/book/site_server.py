"""A small web server for tests of the built site: counts what each request would weigh gzipped."""

import functools
import gzip
import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from serve import Handler as ReaderHandler


@functools.lru_cache(maxsize=2048)
def gzipped(file: Path) -> int:
    """Bytes of a file as a compressing server sends it."""
    return len(gzip.compress(file.read_bytes(), 6))


class Site:
    """A served folder with the record of its requests: (path, status, gzipped bytes)."""

    def __init__(self, folder: Path, address: str):
        self.folder, self.address = folder, address
        self.requests: list[tuple[str, int, int]] = []

    def weight(self) -> int:
        """Gzipped bytes of all requests so far."""
        return sum(size for _, _, size in self.requests)

    def missing(self) -> list[str]:
        """Paths that were asked for and are not there."""
        return [path for path, status, _ in self.requests if status >= 400]


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serves a folder on loopback with the site's own MIME types."""

    class Handler(ReaderHandler):
        def send_head(self):
            name = unquote(urlsplit(self.path).path).lstrip("/")
            file = folder / name
            file = file / "index.html" if file.is_dir() else file
            found = file.is_file()
            site.requests.append((f"/{name}", 200 if found else 404, gzipped(file) if found else 0))
            return super().send_head()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    site = Site(folder, f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
