"""The baseline that a face network has to beat: tiny thumbnails and linear discriminant analysis, nothing learnt but means."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Discriminant:
    """An affine map under which the spread within a person is the same in every direction. Source: [fisher1936].

    Attributes:
        mean: (D,) of the training features.
        matrix: (D, K), the most telling direction first where dimensions were left out.
    """

    mean: Tensor
    matrix: Tensor

    def __call__(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Return (x - mean) matrix."""
        return (features - self.mean) @ self.matrix


def thumbnails(images: Float[Tensor, "n c h w"], side: int = 16) -> Float[Tensor, "n d"]:
    """Return the pictures as vectors of side · side · C means over equal tiles.

    Args:
        images: (N, C, H, W).
        side: of the thumbnail in pixels.

    Returns:
        (N, C · side²).

    Raises:
        ValueError: if the pictures are smaller than the thumbnail.

    Source: [turk1991]
    """
    if side < 1 or min(images.shape[-2:]) < side:
        raise ValueError(f"side is {side}; it should be 1 to {min(images.shape[-2:])}, the side of the pictures")
    return F.adaptive_avg_pool2d(images, side).flatten(1)


def fit_discriminant(
    features: Float[Tensor, "n d"], labels: Int[Tensor, "n"], *, shrinkage: float = 0.0, dimensions: int | None = None
) -> Discriminant:
    """Return Fisher's discriminant analysis: whiten what varies within people, keep what varies between them.

    S_w = (1 - a) Σ (x - μ_y)(x - μ_y)ᵀ / (N - C) + a tr(S_w) / D I, W = S_w^(-1/2) V, where V holds the principal
    directions of the class means after whitening, weighted by √n_c. With a = 0 this is scikit-learn's
    LinearDiscriminantAnalysis with the solver "svd", up to one factor.

    Args:
        features: (N, D).
        labels: (N,) person of each.
        shrinkage: a in [0, 1).
        dimensions: K, at most C - 1, which None takes; 0 keeps all D after whitening (within-class whitening alone).

    Returns:
        The map to K dimensions, in which people are compared by cosine.

    Raises:
        ValueError: if there are fewer than two people, or a setting lies outside its range.

    Source: [fisher1936], [belhumeur1997]
    """
    people, person = labels.unique(return_inverse=True)
    count = len(people)
    if count < 2 or len(features) <= count:
        raise ValueError(
            f"labels name {count} people in {len(features)} rows; there should be at least 2, with several"
        )
    if not 0 <= shrinkage < 1:
        raise ValueError(f"shrinkage is {shrinkage}; it should lie in [0, 1)")
    if dimensions is not None and not 0 <= dimensions < count:
        raise ValueError(f"dimensions is {dimensions}; it should be 0 to {count - 1}, one less than the people")
    x = features.double()
    size = person.bincount(minlength=count).double()
    means = torch.zeros(count, x.shape[1], dtype=x.dtype).index_add_(0, person, x) / size[:, None]
    within = x - means[person]
    scatter = within.t() @ within / (len(x) - count)
    level = scatter.diagonal().mean()
    scatter = (1 - shrinkage) * scatter + shrinkage * level * torch.eye(len(scatter), dtype=x.dtype)
    values, vectors = torch.linalg.eigh(scatter)
    kept = values > 1e-9 * values[-1]  # constant pixels tell nothing
    matrix = vectors[:, kept] * values[kept].rsqrt()
    mean = (size[:, None] * means).sum(0) / size.sum()
    if dimensions != 0:
        between = size.sqrt()[:, None] * (means - mean) @ matrix
        directions = torch.linalg.svd(between, full_matrices=False).Vh.t()
        matrix = matrix @ directions[:, : count - 1 if dimensions is None else dimensions]
    return Discriminant(mean.to(features), matrix.to(features))
