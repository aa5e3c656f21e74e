"""What the course keeps about each measure of quality: its names, function, family, range, unit, direction, source."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from course_lib import i18n

FAMILIES = ("blur", "sharpness", "illumination", "brightness", "contrast", "exposure", "pose")
DIRECTIONS = ("higher", "lower", "target")


@dataclass(frozen=True)
class Measure:
    """One measure of quality.

    Attributes:
        name: its key, which is also the function's name and a key of data/glossary.csv.
        function: (B, C, H, W) images, with an optional ``mask``, to (B,) values (or landmarks to values, see ``takes``).
        family: one of ``FAMILIES``, the headings of the chapter.
        range: smallest and largest value for images in [0, 1].
        unit: "" without unit; "I" for intensity, where 1 is white; "I²" its square; "bit", "°".
        direction: "higher" is better, "lower" is better, or there is a "target" in between.
        reference: BibTeX key of the source.
        differentiable: whether gradients with respect to the image mean anything (counts of a histogram have none).
        power: an image with intensities times k gives k^power times the value (None: no such law). Literature and
            OpenCV work on 0..255, so their values are 255^power times ours.
        takes: "image" or "landmarks".
        label: {"en", "zh"}; looked up in the glossary when left out.
    """

    name: str
    function: Callable[..., Tensor]
    family: str
    range: tuple[float | int, float | int]
    unit: str
    direction: str
    reference: str
    differentiable: bool = True
    power: float | int | None = None
    takes: str = "image"
    label: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Looks up the label, and refuses families and directions that nobody knows.

        Raises:
            ValueError: for an unknown family or direction.
            KeyError: if the name is no key of the glossary and no label is given.
        """
        if self.family not in FAMILIES:
            raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {self.family!r}")
        if self.direction not in DIRECTIONS:
            raise ValueError(f"direction: expected one of {', '.join(DIRECTIONS)}, got {self.direction!r}")
        if not self.label:
            object.__setattr__(self, "label", i18n.label(self.name))
