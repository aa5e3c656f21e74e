"""Face image quality: every measure as a record, and all of them at once."""

import functools
import types
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.images import check_images
from course_lib.quality import light, pose, sharpness
from course_lib.quality.chunks import check_mask, in_chunks
from course_lib.quality.maps import Images, Maps, Region
from course_lib.quality.record import DIRECTIONS, FAMILIES, Measure

__all__ = ["DIRECTIONS", "FAMILIES", "Measure", "light", "measure", "measures", "pose", "sharpness"]


@functools.cache
def measures() -> tuple[Measure, ...]:
    """Every measure of the book, family after family.

    Returns:
        The records: blur, sharpness, illumination, brightness, exposure and contrast take images, pose takes landmarks.
    """
    return (*sharpness.MEASURES, *light.MEASURES, *pose.MEASURES)


def measure(
    images: Float[Tensor, "b c h w"], names: Sequence[str] | None = None, *, mask: Region = None, compiled: bool = False
) -> dict[str, Float[Tensor, " b"]]:
    """Several measures of the same images, with grey, gradients, Laplacian and histograms computed once.

    Args:
        images: (B, 3, H, W) RGB or (B, 1, H, W) grey in [0, 1].
        names: which measures, in which order; all that take images when left out.
        mask: (B, 1, H, W) of 0 and 1, the region to measure (for Weber contrast: the object).
        compiled: fuse the arithmetic with ``torch.compile``. The first call with a new set of names or shape of images
            then takes long; a C++ compiler (or CUDA) is needed.

    Returns:
        {name: (B,)}, in the dtype of the images.

    Raises:
        TypeError, ValueError: if the images or the mask are none, or a name is unknown or takes landmarks.
    """
    chosen = _chosen(names)
    if not compiled:
        return _measured(images, chosen, mask=mask)
    check_images(images, "images")
    check_mask(mask, images)
    return dict(zip(chosen, _compiled(chosen)(images, mask), strict=True))


def _chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    known = [record.name for record in measures() if record.takes == "image"]
    if names is None:
        return tuple(known)
    if isinstance(names, str):
        raise TypeError(f"names: expected a list of names, got the string {names!r}")
    for name in names:
        if name not in known:
            raise ValueError(f"names: {name!r} is no measure of images; there are {', '.join(known)}")
    return tuple(dict.fromkeys(names))


def _functions(names: tuple[str, ...]) -> list[Callable[..., Tensor]]:
    known = {record.name: record.function for record in measures()}
    return [known[name] for name in names]


def _all_of(image: Images, names: tuple[str, ...], *, mask: Region = None) -> dict[str, Tensor]:
    maps = Maps.of(image, mask)
    return {name: function(maps) for name, function in zip(names, _functions(names), strict=True)}


# Many measures keep many maps anyway: larger chunks share the cost of each call among more images.
_measured = in_chunks(_all_of, times=2)


@functools.cache
def _compiled(names: tuple[str, ...]) -> Callable[[Tensor, Tensor | None], list[Tensor]]:
    functions = _functions(names)

    def together(image: Tensor, mask: Tensor | None) -> list[Tensor]:
        maps = Maps(image, mask)
        return [function(maps).to(image.dtype) for function in functions]

    # torch.compile counts versions by code object and gives up after eight: each set of names gets one of its own.
    code = together.__code__.replace(co_name="_".join(("together", *names)))
    own = types.FunctionType(code, globals(), code.co_name, closure=together.__closure__)
    return torch.compile(own, fullgraph=True)
