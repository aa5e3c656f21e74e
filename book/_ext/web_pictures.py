"""Pictures of notebook outputs: as WebP, with their size, loaded when the reader comes near.

A plot of a portrait is half a megabyte as PNG. It becomes a lossless WebP, or, where that is still large, one of
quality 95; the notebook that a reader runs or downloads makes the original.
"""

import io
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx

IMAGE = re.compile(r'<img (?![^>]*\bloading=)(?![^>]*\blf-poster\b)([^>]*?)src="((?:\.\./)*_images/([^"]+))"([^>]*)>')
OUTPUT = re.compile(r"[0-9a-f]{64}\.png")  # MyST-NB names outputs by their hash
LOSSLESS_LIMIT = 100_000  # bytes


def webp(png: Path) -> bytes:
    """The picture as WebP: lossless if that is small, else nearly so."""
    with Image.open(png) as opened:
        opaque = opened.mode in ("RGB", "L") or opened.convert("RGBA").getextrema()[3][0] == 255
        picture = opened.convert("RGB" if opaque else "RGBA")
    encoded = []
    for options in ({"lossless": True, "quality": 80}, {"quality": 95}):
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", method=4, **options)
        encoded.append(buffer.getvalue())
        if len(encoded[0]) <= LOSSLESS_LIMIT:
            return encoded[0]
    return min(encoded, key=len)


def converted(source: Path, folder: Path) -> str:
    """Name of the picture in the site, after its WebP has been written beside it."""
    target = folder / f"{source.stem}.webp"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        target.write_bytes(webp(source))
    return target.name


def improve(body: str, sources: dict[str, Path], folder: Path) -> str:
    """The HTML of a page with better <img> elements.

    Args:
        body: HTML of the page.
        sources: name below _images -> the file that it was made from.
        folder: the site's folder of pictures.
    """

    def replace(match: re.Match[str]) -> str:
        before, address, name, after = match.groups()
        source = sources.get(name)
        if source is None or source.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            return match[0]
        if not re.search(r"\b(width|height|style)=", before + after):
            with Image.open(source) as picture:
                after += f' width="{picture.width}" height="{picture.height}"'
        if OUTPUT.fullmatch(name):
            address = address.removesuffix(name) + converted(source, folder)
        return f'<img {before}src="{address}" loading="lazy" decoding="async"{after.replace(" /", "")}>'

    return IMAGE.sub(replace, body)


def improve_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Does so for a page that is about to be written."""
    if app.builder.format == "html" and isinstance(doctree, nodes.document) and "body" in context:
        sources = {name: Path(app.srcdir, uri) for uri, name in app.builder.images.items()}
        context["body"] = improve(context["body"], sources, Path(app.outdir) / "_images")


def leave_out_originals(app: Sphinx, exception: Exception | None) -> None:
    """Takes the PNGs out of the site for which there is a WebP."""
    if exception is None and app.builder.format == "html":
        for picture in Path(app.outdir, "_images").glob("*.png"):
            if OUTPUT.fullmatch(picture.name) and picture.with_suffix(".webp").is_file():
                picture.unlink()


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", improve_page, priority=800)
    app.connect("build-finished", leave_out_originals)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
