"""A 3-D mean face: the 68 landmarks in cm, and the smaller sets that pose estimators use.

Head frame as in ``rotations``: x to the person's own left, y down, z to the back of the head. The origin lies inside
the head, midway between the ears at the height of the eyes, so that turning the face turns it about itself.

The numbers are ours: a symmetric face between the means of women and men in surveys of adults, rounded. Distance of the
pupils 6.4 (6.3 in [dodgson2004]); inner and outer eye corners 3.4 and 9.4 apart, nose 4.9 high and 2 proud of the upper
lip, face 11.9 from the bridge of the nose to the chin, 14.2 wide at the ears ([farkas2005], [young1993]); eyes to mouth
.99 and mouth width .88 of the distance of the eyes, the medians of faces in photographs, many of them smiling. Depths
follow the profile of a wire head that we drew and looked at. Real faces differ from it by half a centimetre here and
there, which is worth a few degrees of pitch and less of yaw (chapter 1, pose).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.geometry.landmarks import MIRROR68, pick_points

__all__ = ["face_model"]

# The person's right half (left in the picture), iBUG index: (x, y, z) in cm; the left half is its mirror image.
RIGHT_HALF: dict[int, tuple[float, float, float]] = {
    # jaw, from the ear to the chin
    0: (-7.1, 0.3, -1.2),
    1: (-7.05, 2.4, -1.3),
    2: (-6.85, 4.5, -1.6),
    3: (-6.45, 6.6, -2.2),
    4: (-5.75, 8.4, -3.4),
    5: (-4.75, 9.8, -5.0),
    6: (-3.4, 10.8, -6.8),
    7: (-1.8, 11.4, -8.2),
    # brow, from the temple inwards
    17: (-5.7, -1.5, -7.0),
    18: (-4.9, -2.25, -8.0),
    19: (-3.75, -2.5, -8.9),
    20: (-2.5, -2.3, -9.4),
    21: (-1.25, -1.9, -9.65),
    # nose wing and nostril
    31: (-1.45, 4.1, -10.2),
    32: (-0.75, 4.4, -10.6),
    # eye: outer corner, upper lid, inner corner, lower lid
    36: (-4.7, 0.05, -7.5),
    37: (-3.7, -0.5, -8.3),
    38: (-2.7, -0.5, -8.6),
    39: (-1.7, 0.15, -8.35),
    40: (-2.7, 0.4, -8.5),
    41: (-3.7, 0.4, -8.2),
    # lips: corner, upper edge; lower edge; inner edges
    48: (-2.82, 6.34, -8.9),
    49: (-1.65, 5.85, -9.9),
    50: (-0.6, 5.5, -10.45),
    58: (-0.85, 7.35, -10.15),
    59: (-1.85, 7.05, -9.65),
    60: (-2.45, 6.34, -9.15),
    61: (-0.85, 6.25, -10.15),
    67: (-0.85, 6.5, -10.05),
}
MIDLINE: dict[int, tuple[float, float, float]] = {
    8: (0.0, 11.6, -8.7),  # chin
    27: (0.0, -0.3, -9.5),  # bridge of the nose
    28: (0.0, 1.05, -10.35),
    29: (0.0, 2.3, -11.3),
    30: (0.0, 3.5, -12.1),  # tip of the nose
    33: (0.0, 4.6, -10.75),  # where the nose meets the lip
    51: (0.0, 5.7, -10.55),
    57: (0.0, 7.45, -10.2),
    62: (0.0, 6.3, -10.3),
    66: (0.0, 6.5, -10.2),
}


def face_model(
    points: int = 68, *, dtype: torch.dtype = torch.float32, device: torch.device | str | None = None
) -> Float[Tensor, "k 3"]:
    """The mean face's landmarks in 3-D.

    Args:
        points: 68 (iBUG order), 51 (without the jaw), 14, 6 or 5, see ``landmarks.POINT_SETS``.
        dtype: of the result.
        device: of the result.

    Returns:
        (points, 3) cm in the head frame.

    Raises:
        ValueError: there is no such set.

    Source: [farkas2005], [young1993], [dodgson2004]; the sets of 14 and 6 are those of common OpenCV head-pose code.
    """
    places = RIGHT_HALF | MIDLINE
    for i, (x, y, z) in RIGHT_HALF.items():
        places[MIRROR68[i]] = (-x, y, z)
    model = torch.tensor([places[i] for i in range(68)], dtype=torch.float64)
    return pick_points(model, points).to(dtype=dtype, device=device)
