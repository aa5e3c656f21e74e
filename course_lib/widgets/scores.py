"""The score sheet: every measure as a live bar against its value on the clean image."""

import re
from pathlib import Path

import anywidget
import traitlets

from course_lib import quality
from course_lib.i18n import Label, say
from course_lib.quality import Measure
from course_lib.widgets.numbers import SUPERSCRIPTS, change, is_small, number, place

FAMILY_NAMES: dict[str, str] = {family: family for family in quality.FAMILIES} | {"pose": "head_pose"}
ARROWS = {"higher": "↑", "lower": "↓", "target": "◎"}
DIRECTIONS: dict[str, Label] = {
    "higher": "higher_is_better",
    "lower": "lower_is_better",
    "target": ("Best in between", "适中为佳"),
}


def families() -> list[dict]:
    """Every measure of ``quality.measures()`` under its family, in the reader's language, as the sheet shows it."""
    groups: dict[str, list[dict]] = {}
    for measure in quality.measures():
        groups.setdefault(measure.family, []).append(
            {
                "name": measure.name,
                "label": capital(say(measure.label or measure.name)),
                "arrow": ARROWS[measure.direction],
                "direction": say(DIRECTIONS[measure.direction]),
                "reference": f"quality.{measure.name} [{measure.reference}]",
            }
        )
    return [{"label": capital(say(FAMILY_NAMES[family])), "measures": measures} for family, measures in groups.items()]


def capital(text: str) -> str:
    """The text with its first letter large, as a label that stands alone."""
    return text[:1].upper() + text[1:]


def unit_of(measure: Measure) -> str:
    """Unit of a measure, with raised exponents: I^3.2 is I³·²."""
    return re.sub(r"\^([\d.]+)", lambda power: power[1].translate(SUPERSCRIPTS).replace(".", "·"), measure.unit)


def verdict(measure: Measure, value: float, clean: float) -> str:
    """What the measure would have us believe: that the image got "better" or "worse", is the "same", or has "moved".

    A measure with a target in between says neither; a change that ``is_small`` is none.
    """
    if is_small(value, clean):
        return "same"
    if measure.direction == "target":
        return "moved"
    return "better" if (value > clean) == (measure.direction == "higher") else "worse"


def row(measure: Measure, value: float | None, clean: float | None) -> dict:
    """One line of the sheet: the bar, its tick, both values and the change as text."""
    if value is None or clean is None:
        return {"bar": 0, "clean": 0, "text": "–", "clean_text": "–", "change": "", "verdict": "none"}
    low, high = measure.range
    unit = f" {unit_of(measure)}" if measure.unit else ""
    return {
        "bar": place(value, clean, low, high),
        "clean": place(clean, clean, low, high),
        "text": number(value) + unit,
        "clean_text": number(clean) + unit,
        "change": change(value, clean, low),
        "verdict": verdict(measure, value, clean),
    }


class ScoreSheet(anywidget.AnyWidget):
    """All measures by family, with a box for each whose curve is to be drawn.

    Attributes:
        chosen: names of the measures whose boxes are ticked.
        alts: alt texts, which ipywidgets' images have no place for; the sheet's script puts them on.
    """

    _esm = (Path(__file__).parent / "scores.js").read_text(encoding="utf-8")
    text = traitlets.Dict().tag(sync=True)
    families: traitlets.List = traitlets.List().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)
    alts = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, chosen: list[str]):
        text = {"clean": say(("Clean image", "原图"))}
        super().__init__(text=text, families=families(), chosen=chosen)

    def update(self, scores: dict[str, float], clean: dict[str, float], alts: list[str]) -> None:
        """Show new scores against those of the clean image; a measure that is missing gets a dash.

        Args:
            scores: measure name -> value now.
            clean: measure name -> value on the clean image.
            alts: alt texts of the lab's pictures, in their order.
        """
        self.alts = alts
        self.values = {m.name: row(m, scores.get(m.name), clean.get(m.name)) for m in quality.measures()}
