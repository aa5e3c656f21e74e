"""What several measures need of the same images (grey, gradients, Laplacian, histograms): computed once and shared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib import images
from course_lib.quality.histogram import histogram


class once:
    """A property that is computed when first asked for and kept (functools' own takes a lock, which torch cannot compile)."""

    def __init__(self, compute: Callable[["Maps"], Any]) -> None:
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, maps: "Maps", owner: type) -> Any:
        """The value; from now on the instance has it as a plain attribute."""
        value = self.compute(maps)
        setattr(maps, self.name, value)
        return value


@dataclass(frozen=True)
class Map:
    """Numbers for each pixel, and where they count: ``inside`` is 0 where the stencil would leave the region."""

    values: Float[Tensor, "b h w"]
    inside: Float[Tensor, "b h w"] | None = None

    def count(self) -> Tensor | int:
        """Pixels that count, (B,); at least 1, so that an empty region gives 0 and not 0/0."""
        if self.inside is None:
            return self.values.shape[1] * self.values.shape[2]
        return self.inside.sum((1, 2)).clamp_min(1)

    def kept(self) -> Float[Tensor, "b h w"]:
        """The values, with 0 where they don't count."""
        return self.values if self.inside is None else self.values * self.inside

    def mean(self) -> Float[Tensor, " b"]:
        """Mean value, 0 for an empty region."""
        return _total(self.kept()) / self.count()

    def mean_abs(self) -> Float[Tensor, " b"]:
        """Mean of the absolute values, 0 for an empty region."""
        return _total(self.kept().abs()) / self.count()

    def mean_square(self) -> Float[Tensor, " b"]:
        """Mean of the squares, 0 for an empty region."""
        # The norm of each row reads the values once and writes nothing; one norm over all of them would lose digits.
        return torch.linalg.vector_norm(self.kept(), dim=2).square().sum(1) / self.count()


class Maps:
    """Everything that the measures derive from one batch of images, each computed when first asked for.

    Stencils are sums of shifted slices, and only pixels whose whole stencil lies in the image (and in the mask) count:
    nothing is padded. All maps are (B, h, w). float16 and bfloat16 images are computed in float32.

    Args:
        image: (B, 3, H, W) RGB or (B, 1, H, W) grey in [0, 1].
        mask: (B, 1, H, W), 1 in the region to measure and 0 elsewhere.
    """

    def __init__(
        self, image: Float[Tensor, "b c h w"], mask: Float[Tensor, "b 1 h w"] | Bool[Tensor, "b 1 h w"] | None = None
    ):
        half = image.dtype in (torch.float16, torch.bfloat16)
        self.image = image.float().clamp(0, 1) if half else image
        self.mask = None if mask is None else mask[:, 0].to(self.image.dtype)
        self._inside: dict[tuple[int, int], Tensor] = {}

    @classmethod
    def of(cls, image: "Tensor | Maps", mask: Tensor | None = None) -> "Maps":
        """The maps of some images, or the maps themselves if that is what is given."""
        return image if isinstance(image, Maps) else cls(image, mask)

    def inside(self, rows: int, columns: int) -> Float[Tensor, "b h w"] | None:
        """1 where a window of rows × columns lies in the mask, for every place of the window; None without a mask."""
        if self.mask is None:
            return None
        if (rows, columns) not in self._inside:
            covered = window_sum(window_sum(self.mask, rows, 1), columns, 2)
            self._inside[rows, columns] = (covered > rows * columns - 0.5).to(covered.dtype)
        return self._inside[rows, columns]

    def cross(self) -> Float[Tensor, "b h w"] | None:
        """1 where a pixel and its four neighbours lie in the mask; None without a mask."""
        vertical, horizontal = self.inside(3, 1), self.inside(1, 3)
        return None if vertical is None or horizontal is None else vertical[:, :, 1:-1] * horizontal[:, 1:-1]

    @once
    def grey(self) -> Map:
        """Luma."""
        grey = self.image if self.image.shape[1] == 1 else images.luma(self.image)
        return Map(grey[:, 0], self.mask)

    @once
    def linear(self) -> Float[Tensor, "b c h w"]:
        """The image in linear light."""
        return images.linear_from_srgb(self.image)

    @once
    def luminance(self) -> Map:
        """Relative luminance: linear light weighted as the eye does."""
        linear = self.linear if self.image.shape[1] == 1 else images.weighted(self.linear, images.BT709)
        return Map(linear[:, 0], self.mask)

    @once
    def luminance_mean(self) -> Float[Tensor, " b"]:
        """Mean relative luminance."""
        means = self.channel_means(self.linear)
        return means[:, 0] if self.image.shape[1] == 1 else means @ self.image.new_tensor(images.BT709)

    @once
    def mean(self) -> Float[Tensor, " b"]:
        """Mean of the grey image."""
        if self.image.shape[1] == 1:
            return self.grey.mean()
        # Luma is linear: the means of three channels, weighted, are less work than weighting all pixels.
        return self.channel_means(self.image) @ self.image.new_tensor(images.BT601)

    def channel_means(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c"]:
        """Mean of each channel over the pixels that count."""
        if self.mask is None:
            return image.mean((2, 3))
        return (image * self.mask[:, None]).sum((2, 3)) / self.mask.sum((1, 2)).clamp_min(1)[:, None]

    @once
    def centred(self) -> Map:
        """Grey minus its mean."""
        return Map(self.grey.values - self.mean[:, None, None], self.mask)

    @once
    def right(self) -> Map:
        """I[x+1, y] − I[x, y], (B, H, W − 1)."""
        grey = self.grey.values
        return Map(grey[:, :, 1:] - grey[:, :, :-1], self.inside(1, 2))

    @once
    def down(self) -> Map:
        """I[x, y+1] − I[x, y], (B, H − 1, W)."""
        grey = self.grey.values
        return Map(grey[:, 1:] - grey[:, :-1], self.inside(2, 1))

    @once
    def corner(self) -> tuple[Map, Map]:
        """The same two differences at the (H − 1)(W − 1) pixels that have a right and a lower neighbour."""
        right, down = self.right, self.down
        inside = None
        if right.inside is not None and down.inside is not None:
            inside = right.inside[:, :-1] * down.inside[:, :, :-1]
        return Map(right.values[:, :-1], inside), Map(down.values[:, :, :-1], inside)

    @once
    def right2(self) -> Map:
        """I[x+2, y] − I[x, y], (B, H, W − 2)."""
        grey = self.grey.values
        return Map(grey[:, :, 2:] - grey[:, :, :-2], self.inside(1, 3))

    @once
    def central(self) -> tuple[Map, Map]:
        """I[x+1, y] − I[x−1, y] and I[x, y+1] − I[x, y−1] at the inner pixels, (B, H − 2, W − 2)."""
        grey, inside = self.grey.values, self.cross()
        return Map(self.right2.values[:, 1:-1], inside), Map(grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1], inside)

    @once
    def second(self) -> tuple[Map, Map]:
        """Second differences I[x−1] − 2 I[x] + I[x+1] along x and along y at the inner pixels, (B, H − 2, W − 2)."""
        grey, inside = self.grey.values, self.cross()
        middle = grey[:, 1:-1, 1:-1]
        xx = (grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]).sub_(middle, alpha=2)
        yy = (grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1]).sub_(middle, alpha=2)
        return Map(xx, inside), Map(yy, inside)

    @once
    def laplacian(self) -> Map:
        """The 4-neighbour Laplacian [0 1 0; 1 −4 1; 0 1 0], (B, H − 2, W − 2)."""
        grey = self.grey.values
        total = (grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]).add_(grey[:, :-2, 1:-1]).add_(grey[:, 2:, 1:-1])
        return Map(total.sub_(grey[:, 1:-1, 1:-1], alpha=4), self.cross())

    @once
    def ripple(self) -> Map:
        """The second difference along x of that along y, (B, H − 2, W − 2): 0 on straight edges, 36 s² for noise."""
        grey = self.grey.values
        across = (grey[:, :, :-2] + grey[:, :, 2:]).sub_(grey[:, :, 1:-1], alpha=2)
        return Map((across[:, :-2] + across[:, 2:]).sub_(across[:, 1:-1], alpha=2), self.inside(3, 3))

    @once
    def diagonals(self) -> tuple[Map, Map]:
        """Differences u, v across both diagonals of four neighbouring 2 × 2 sums: Sobel's Gx = u + v, Gy = u − v.

        Sobel's [1 2 1] is [1 1] twice, so its 3 × 3 kernels are differences of overlapping 2 × 2 sums. In u and v
        each takes half the additions, and Gx² + Gy² = 2 (u² + v²).
        """
        grey = self.grey.values
        pairs = grey[:, :-1] + grey[:, 1:]
        blocks = pairs[:, :, :-1] + pairs[:, :, 1:]
        inside = self.inside(3, 3)
        return Map(blocks[:, 1:, 1:] - blocks[:, :-1, :-1], inside), Map(
            blocks[:, :-1, 1:] - blocks[:, 1:, :-1], inside
        )

    @once
    def energy(self) -> Map:
        """Gx² + Gy² of the Sobel gradient, (B, H − 2, W − 2)."""
        u, v = self.diagonals
        return Map(sum_of_squares(u.values, v.values).mul_(2), u.inside)

    @once
    def grey_histogram(self) -> Float[Tensor, "b 256"]:
        """Pixels at each of the 256 grey levels."""
        return histogram(self.grey.values, self.mask)

    @once
    def luminance_histogram(self) -> Float[Tensor, "b 256"]:
        """Pixels at each of 256 levels of luminance."""
        return histogram(self.luminance.values, self.mask)


def _total(values: Float[Tensor, "b h w"]) -> Float[Tensor, " b"]:
    # The compiler turns sums over rows into loops of whole vectors, sums over both dimensions it does not.
    return values.sum(2).sum(1) if torch.compiler.is_compiling() else values.sum((1, 2))


# What measures take: images or their maps, a region, and a number for all images or one for each.
Images = Float[Tensor, "b c h w"] | Maps
Region = Float[Tensor, "b 1 h w"] | Bool[Tensor, "b 1 h w"] | None
PerImage = float | int | Float[Tensor, ""] | Float[Tensor, " b"]


def window_sum(values: Float[Tensor, "b h w"], size: int, dim: int) -> Float[Tensor, "b h2 w2"]:
    """Sums of ``size`` neighbours along one dimension; doubling the width needs about log2(size) additions.

    Args:
        values: (B, h, w).
        size: neighbours in a sum, at most the length of the dimension.
        dim: 1 or 2.

    Returns:
        The sums at every place where the window fits: that dimension is shorter by size − 1.
    """
    places, width, start = values.shape[dim] - size + 1, 1, 0
    total, block = None, values
    while width <= size:
        if size & width:
            part = block.narrow(dim, start, places)
            total, start = part if total is None else total + part, start + width
        if 2 * width <= size:
            length = block.shape[dim] - width
            block = block.narrow(dim, 0, length) + block.narrow(dim, width, length)
        width *= 2
    assert total is not None
    return total


def ratio(numerator: Float[Tensor, "..."], denominator: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Numerator over denominator, and 0 with finite gradients where the denominator is not above 0."""
    positive = denominator > 0
    return torch.where(positive, numerator / torch.where(positive, denominator, 1), 0)


def sum_of_squares(first: Float[Tensor, "..."], second: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """a² + b², in two passes over the numbers."""
    return torch.addcmul(first.square(), second, second)


def root(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Square root, with gradient 0 (not infinity) at 0."""
    if not values.requires_grad:
        return values.sqrt()
    positive = values > 0
    return torch.where(positive, torch.where(positive, values, 1).sqrt(), 0)


def white_noise(energy: int, noise: PerImage) -> Tensor | float | int:
    """What white noise of a standard deviation adds to the mean square of a stencil with this sum of squares."""
    return energy * noise**2
