#!/usr/bin/env python3
"""Shows the built site: python tools/serve.py [--port 8000] [FOLDER]. Stop it with Ctrl-C."""

import argparse
import functools
import http.server
import sys
from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "_build/site"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files with the types that browsers insist on for modules and WebAssembly; never from a stale cache."""

    # Set here because the types that Python finds depend on the machine (Windows registry, /etc/mime.types).
    extensions_map = {  # noqa: RUF012
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
        ".svg": "image/svg+xml",
        ".woff": "font/woff",
        ".ipynb": "application/x-ipynb+json",
    }

    def end_headers(self):
        """Adds the order to ask again each time, so that a rebuilt page is seen at once."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *arguments):
        """Says nothing: a reader's terminal needs no list of requests."""


def open_server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server on loopback, on the wished port or, when that is taken, on a free one."""
    handler = functools.partial(Handler, directory=str(folder))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SITE)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    if not (options.folder / "index.html").is_file():
        print(f"serve: {options.folder} holds no built site; `make book` builds it", file=sys.stderr)
        return 1
    with open_server(options.folder, options.port) as server:
        print(f"Seeing Faces · 看懂人脸: http://127.0.0.1:{server.server_port}/  (Ctrl-C stops)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
