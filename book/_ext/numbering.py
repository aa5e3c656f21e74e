"""Numbers for chapters and their pages: 1, 1.1, 1.2, as in the source document.

A chapter keeps the number that it has there, whichever others stand before it in the table of contents.

Sphinx numbers the headings inside a page with the same counter as the pages below it, so that the first page of a
chapter whose opening has three headings would be 1.4. Here only pages count. Figures, equations and exercises are
numbered through a chapter: figure 1.7.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_external_toc.api import SiteMap
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as Collector

CHAPTERS = ("quality", "aesthetics", "detection", "recognition", "segmentation")  # folders, in the document's order


def page_numbers(site_map: SiteMap) -> dict[str, tuple[int, ...]]:
    """Number of each page below the parts that _toc.yml marks as numbered."""
    numbers: dict[str, tuple[int, ...]] = {}

    def descend(name: str, number: tuple[int, ...]) -> None:
        numbers[name] = number
        children = [child for tree in site_map[name].subtrees for child in tree.files()]
        for position, child in enumerate(children, start=1):
            descend(child, (*number, position))

    chapters = [name for tree in site_map.root.subtrees if tree.numbered for name in tree.files()]
    for position, chapter in enumerate(chapters, start=1):
        folder = chapter.split("/")[0]
        descend(chapter, (CHAPTERS.index(folder) + 1 if folder in CHAPTERS else position,))
    return numbers


def assign_section_numbers(self: Collector, env: BuildEnvironment) -> list[str]:
    """Takes the place of the method of this name; gives back the pages whose number has changed."""
    before = env.toc_secnumbers
    numbers = page_numbers(env.external_site_map)
    env.toc_secnumbers = {name: {"": number} for name, number in numbers.items()}
    for name, toc in env.tocs.items():
        if name in env.titles:
            env.titles[name]["secnumber"] = numbers.get(name)
        for reference in toc.findall(nodes.reference):
            anchor = reference["anchorname"]
            reference["secnumber"] = None if anchor else numbers.get(name)
            if anchor and name in numbers:  # said explicitly, or Sphinx would repeat the page's number
                env.toc_secnumbers[name][anchor] = ()
    return [name for name in env.found_docs if before.get(name) != env.toc_secnumbers.get(name)]


def setup(app: Sphinx) -> dict:
    Collector.assign_section_numbers = assign_section_numbers
    return {"parallel_read_safe": True, "parallel_write_safe": True}
