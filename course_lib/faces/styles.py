"""Tables of hair styles and of skin, hair and eye colours."""

import torch

STYLES = (
    "short", "crop", "long", "bob", "tied", "bald", "sides", "fringe", "wavy", "curly", "afro", "quiff", "side_part", "curly_long",
)  # fmt: skip
"""Names of the hair styles; ``FaceParams["style"]`` indexes them."""

HAIRLINE_ANGLES = (0.0, 15, 30, 42, 52, 62, 70, 78, 86, 95, 104, 112, 122, 140, 180)
"""|theta| in degrees from the front, at which a style gives the height of its hairline."""

_NAPE = (-4.2, -4.0, -6.5, -12, -14, -14.5)
_NO = (9.0,) * 15
_LOOSE = (-25.0,) * 9

HAIRLINES = torch.tensor(
    [
        (0, 0, 0, -0.6, -2.4, -4.0, -5.8, -7.4, -6.0, *_NAPE),
        (0, 0, 0.1, -0.4, -2.2, -3.6, -4.8, -5.8, -5.2, *_NAPE),
        (0, 0, -0.2, -1.0, -3.4, -11.5, *_LOOSE),
        (-3.0, -3.0, -3.0, -3.2, -5.2, -12, *_LOOSE),
        (0.1, 0.1, 0, -0.8, -3.0, -5.2, -6.0, -5.8, -4.6, *_NAPE),
        _NO,
        (9, 9, 9, 9, 5, -1, -4.8, -7.2, -6.0, *_NAPE),
        (-1.8, -1.6, -1.4, -1.4, -3.0, -4.2, -5.8, -7.2, -6.0, *_NAPE),
        (0, 0, -0.2, -1.2, -4.0, -12.5, *_LOOSE),
        (0, -0.1, -0.3, -1.0, -3.0, -4.4, -5.8, -7.0, -6.0, *_NAPE),
        (0.2, 0.2, 0, -0.8, -2.6, -4.6, -6.2, -7.0, -6.0, *_NAPE),
        (0.3, 0.3, 0.2, -0.4, -2.2, -3.8, -5.6, -7.2, -6.0, *_NAPE),
        (0.1, 0.1, 0, -0.5, -2.4, -4.0, -5.8, -7.4, -6.0, *_NAPE),
        (0, 0, -0.3, -1.2, -4.0, -11.0, *_LOOSE),
    ]
)
"""(styles, 15) hairline height in cm, relative to a forehead of 6.6 cm above the eye line."""

THICKNESS = torch.tensor([0.95, 0.22, 0.85, 1.0, 0.35, 0, 0.4, 1.15, 1.1, 1.6, 3.3, 1.35, 1.05, 1.7])
"""Thickness of the hair volume in units of the identity's ``hair_volume``."""
FALLS = torch.tensor([0, 0, 1, 0.8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.8])
"""1 where the hair falls to the shoulders, 0.8 where it ends at the jaw, 0 where it is short."""
WAVE = torch.tensor([0.15, 0, 0.12, 0.06, 0.05, 0, 0.1, 0.15, 1, 0.6, 0.1, 0.3, 0.25, 0.8])
"""Amplitude of the waves."""
CURL = torch.tensor([0, 0.2, 0, 0, 0, 0, 0.1, 0, 0.1, 0.8, 1, 0, 0, 0.75])
"""Share of curls: round lumps instead of strands."""
STRAND_LENGTH = torch.tensor([4.5, 0.9, 17, 12, 7, 0, 2.0, 5.5, 17, 5.0, 3.6, 6.5, 7.5, 13])
"""Length of the drawn strands in cm."""
STRAND_LIFT = torch.tensor([0.18, 0.10, 0.14, 0.10, 0.04, 0, 0.08, 0.18, 0.3, 0.42, 0.48, 0.3, 0.18, 0.5])
"""How far the strands stand off the hair volume in cm."""

FEMININE_STYLES = torch.tensor([0.05, 0.01, 0.22, 0.13, 0.14, 0.002, 0, 0.05, 0.18, 0.07, 0.05, 0.02, 0.05, 0.09])
MASCULINE_STYLES = torch.tensor([0.25, 0.15, 0.02, 0.01, 0.02, 0.07, 0.06, 0.11, 0.02, 0.06, 0.04, 0.11, 0.13, 0.01])
CURL_LINK = (
    torch.tensor([0.7, 1.3, 0.5, 0.6, 1, 1, 1, 0.4, 0.6, 3, 4, 0.5, 0.5, 2.5]),
    torch.tensor([1, 1, 1, 1, 1, 1, 1, 1, 1, 0.6, 0.15, 1, 1, 0.6]),
)
"""Soft link of curls to skin tone: weights for darker and for lighter skin (used only where ``linked``)."""

SKIN = (
    torch.tensor(
        [
            (0.90, 0.735, 0.645), (0.875, 0.695, 0.585), (0.82, 0.64, 0.53), (0.735, 0.555, 0.44),
            (0.62, 0.45, 0.345), (0.49, 0.345, 0.27), (0.37, 0.25, 0.195),
        ]
    )
    ** 2.2
)  # fmt: skip
"""(7, 3) linear skin albedo from the lightest to the darkest tone."""
HAIR = (
    torch.tensor(
        [
            (0.09, 0.075, 0.07), (0.16, 0.11, 0.09), (0.28, 0.19, 0.13), (0.43, 0.30, 0.19), (0.62, 0.48, 0.32),
            (0.76, 0.64, 0.45), (0.47, 0.23, 0.12), (0.55, 0.53, 0.51), (0.80, 0.79, 0.77),
        ]
    )
    ** 2.2
)  # fmt: skip
"""(9, 3) linear hair colours: black, dark brown, brown, light brown, dark blond, blond, red, grey, white."""
HAIR_WEIGHTS = (
    torch.tensor([0.62, 0.28, 0.06, 0, 0, 0, 0, 0.03, 0.01]),
    torch.tensor([0.13, 0.2, 0.22, 0.16, 0.1, 0.06, 0.06, 0.05, 0.02]),
)
"""Hair colours for darker and lighter skin where ``linked``."""
EYES = (
    torch.tensor(
        [
            (0.22, 0.13, 0.07),
            (0.33, 0.20, 0.10),
            (0.40, 0.34, 0.18),
            (0.33, 0.44, 0.34),
            (0.34, 0.47, 0.60),
            (0.44, 0.50, 0.54),
        ]
    )
    ** 2.2
)
"""(6, 3) linear iris colours: dark brown, brown, hazel, green, blue, grey."""
EYE_WEIGHTS = torch.tensor([0.7, 0.3, 0.02, 0, 0, 0]), torch.tensor([0.2, 0.25, 0.15, 0.12, 0.2, 0.08])
"""Iris colours for darker and lighter skin where ``linked``."""
