"""The two dozen icons that the site shows, as one small style sheet of masks.

The theme brings all of Font Awesome as a script (1.5 MB) and as fonts; both are left out of the site. The shapes are
read from the theme's own copy. Font Awesome Free's icons are licensed CC BY 4.0, https://fontawesome.com/license/free.
"""

import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pydata_sphinx_theme
from sphinx.application import Sphinx

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
SCRIPT = THEME / "scripts/fontawesome.js"
NAMES = (
    "angle-left angle-right bars bell chevron-down circle-check circle-exclamation circle-half-stroke circle-info "
    "circle-xmark code download expand file file-pdf github language lightbulb list magnifying-glass "
    "magnifying-glass-minus moon outdent pencil rocket share sun triangle-exclamation up-right-from-square"
).split()
# Icons that the theme puts before or after an element as a character of its font.
AS_CONTENT = {
    ".admonition:not(.solution)>.admonition-title::after": "bell",
    ".admonition:is(.attention,.important)>.admonition-title::after": "circle-exclamation",
    ".admonition:is(.caution,.danger,.warning)>.admonition-title::after": "triangle-exclamation",
    ".admonition.error>.admonition-title::after": "circle-xmark",
    ".admonition:is(.hint,.tip)>.admonition-title::after": "lightbulb",
    ".admonition.note>.admonition-title::after": "circle-info",
    ".admonition.seealso>.admonition-title::after": "share",
    ".admonition.exercise>.admonition-title::after": "pencil",
    "span.versionmodified::before": "circle-exclamation",
    "nav.bd-links li>a.reference.external::after": "up-right-from-square",
    "div#searchbox p.highlight-link a::before": "magnifying-glass-minus",
    "a.reference.download::before": "download",
    ".bd-sidebar-secondary.hide:not(:hover) .onthispage::after": "chevron-down",
}
HEADER = """/* Icons: Font Awesome Free by @fontawesome, https://fontawesome.com, licence CC BY 4.0
   (https://creativecommons.org/licenses/by/4.0/). Made by book/_ext/icons.py from the theme's copy: do not edit. */
"""
RULES = """
:is(i,span):is(.fa-solid,.fas,.fa-brands,.fab){display:inline-block;width:1.15em;height:1em;vertical-align:-.125em;
background:currentColor;-webkit-mask:var(--icon) center/contain no-repeat;mask:var(--icon) center/contain no-repeat}
@media (forced-colors:active){:is(i,span):is(.fa-solid,.fas,.fa-brands,.fab){background:CanvasText}}
"""
CONTENT_RULE = """content:""!important;display:inline-block;width:1em;height:1em;background:currentColor;
-webkit-mask:var(--icon) center/contain no-repeat;mask:var(--icon) center/contain no-repeat"""


def shape(name: str, script: str) -> tuple[int, int, str]:
    """Width, height and path of an icon in Font Awesome's script; the solid form where there are several.

    Raises:
        KeyError: if the script has no icon of this name.
    """
    pattern = rf'(?<![\w-])"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]'
    found = re.findall(pattern, script)
    if not found:
        raise KeyError(f"Font Awesome of this theme has no icon named {name!r}")
    width, height, path = found[-1]  # brands and regular icons come before solid ones
    return int(width), int(height), path


def address(width: int, height: int, path: str) -> str:
    """The icon as the address of an image."""
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'><path d='{path}'/></svg>"
    return "data:image/svg+xml," + quote(svg, safe=" =:/'")


def style_sheet(script: str) -> str:
    """CSS that shows <i class="fa-solid fa-NAME"> and the icons of admonitions, for the icons in NAMES."""
    shapes = "".join(f'--icon-{name}:url("{address(*shape(name, script))}");\n' for name in NAMES)
    classes = "".join(f".fa-{name}{{--icon:var(--icon-{name})}}\n" for name in NAMES)
    contents = "".join(f"{selector}{{--icon:var(--icon-{name})}}\n" for selector, name in AS_CONTENT.items())
    shared = f"{','.join(AS_CONTENT)}{{{CONTENT_RULE}}}\n"
    return f"{HEADER}:root{{\n{shapes}}}\n{RULES}{classes}{shared}{contents}"


def write_icons(app: Sphinx) -> None:
    """Writes the style sheet (before the pages, whose links to it carry its checksum)."""
    if app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        (static / "icons.css").write_text(style_sheet(SCRIPT.read_text(encoding="utf-8")), encoding="utf-8")


def without_fonts(theme_sheet: str) -> str:
    """The theme's style sheet without Font Awesome's fonts and the characters that they draw."""
    sheet = re.sub(r"@font-face\{[^}]*Font Awesome[^}]*\}", "", theme_sheet)
    return re.sub(r'(?:\.fa-[\w-]+:+(?:before|after),?)+\{content:"[^"]*"\}', "", sheet)


def leave_out_font_awesome(app: Sphinx, exception: Exception | None) -> None:
    """Takes Font Awesome's script and fonts, and all source maps, out of the site."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    shutil.rmtree(static / "vendor/fontawesome", ignore_errors=True)
    theme_sheet = static / "styles/pydata-sphinx-theme.css"
    theme_sheet.write_text(without_fonts(theme_sheet.read_text(encoding="utf-8")), encoding="utf-8")
    for unused in {*static.glob("scripts/fontawesome.js*"), *static.rglob("*.map")}:
        unused.unlink()


def setup(app: Sphinx) -> dict:
    app.add_css_file("icons.css", priority=600)
    app.connect("builder-inited", write_icons)
    app.connect("build-finished", leave_out_font_awesome)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
