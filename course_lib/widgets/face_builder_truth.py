"""Pictures of the truth that comes with a rendered face: parts, landmarks, depth, normals."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from PIL import Image, ImageDraw
from torch import Tensor

from course_lib import images
from course_lib.faces import LABELS, Rendered
from course_lib.geometry import IBUG68
from course_lib.i18n import Label

VIEWS: dict[str, Label] = {
    "labels": ("Parts", "部件标签"),
    "landmarks": ("Landmarks", "关键点"),
    "depth": ("Depth", "深度"),
    "normals": ("Normals", "法线"),
}
"""What can be drawn of a face's truth."""

PARTS: dict[str, Label] = {
    "background": ("background", "背景"), "skin": ("skin", "皮肤"), "left_brow": ("left brow", "左眉"),
    "right_brow": ("right brow", "右眉"), "left_eye": ("left eye", "左眼"), "right_eye": ("right eye", "右眼"),
    "glasses": ("glasses", "眼镜"), "left_ear": ("left ear", "左耳"), "right_ear": ("right ear", "右耳"),
    "earring": ("earring", "耳环"), "nose": ("nose", "鼻子"), "mouth": ("mouth (inside)", "口腔"),
    "upper_lip": ("upper lip", "上唇"), "lower_lip": ("lower lip", "下唇"), "neck": ("neck", "脖子"),
    "necklace": ("necklace", "项链"), "cloth": ("clothes", "衣服"), "hair": ("hair", "头发"), "hat": ("hat", "帽子"),
}  # fmt: skip
"""Names of ``faces.LABELS``; left and right are the person's."""

PALETTE = torch.tensor(
    [
        (0.90, 0.91, 0.93), (0.95, 0.77, 0.62), (0.20, 0.35, 0.75), (0.55, 0.72, 0.98), (0.05, 0.50, 0.35), (0.45, 0.85, 0.60),
        (0.10, 0.10, 0.12), (0.62, 0.28, 0.66), (0.86, 0.62, 0.90), (0.80, 0.80, 0.10), (0.93, 0.55, 0.25), (0.35, 0.05, 0.10),
        (0.85, 0.22, 0.30), (0.98, 0.50, 0.56), (0.80, 0.62, 0.48), (0.85, 0.85, 0.30), (0.45, 0.52, 0.60), (0.42, 0.30, 0.20),
        (0.15, 0.60, 0.75),
    ]
)  # fmt: skip
"""(19, 3) colour of each class; a person's left part is the darker of a pair."""


def label_picture(labels: Int[Tensor, "b h w"]) -> Float[Tensor, "b 3 h w"]:
    """Part labels as colours of ``PALETTE``."""
    return PALETTE.to(labels.device)[labels].permute(0, 3, 1, 2)


def depth_picture(depth: Float[Tensor, "b h w"]) -> Float[Tensor, "b 3 h w"]:
    """Depth in cm as grey, near is bright; the range is that of each picture, the background black."""
    seen = depth > 0
    far = depth.flatten(1).amax(1)[:, None, None]
    near = torch.where(seen, depth, far[..., :1, :1].expand_as(depth)).flatten(1).amin(1)[:, None, None]
    grey = torch.where(seen, 1 - 0.85 * (depth - near) / (far - near).clamp(min=1e-3), torch.zeros_like(depth))
    return grey[:, None].expand(-1, 3, -1, -1)


def normal_picture(normals: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Unit normals as colours: red to the right, green up, blue towards the camera."""
    flip = normals.new_tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    return (0.5 + 0.5 * flip * normals) * (normals.abs().sum(1, keepdim=True) > 0)


def landmark_picture(face: Rendered, scale: int = 3) -> Float[Tensor, "1 3 h w"]:
    """The first picture, ``scale`` times as large, with its 68 landmarks, five points and face box.

    Landmarks that are seen are filled and joined, hidden ones are rings; the five points are crosses.
    """
    large = F.interpolate(face.image[:1], scale_factor=scale, mode="bicubic", align_corners=False).clamp(0, 1)
    picture = Image.fromarray(images.to_array(large))
    draw = ImageDraw.Draw(picture)
    place = lambda points: ((points + 0.5) * scale - 0.5).tolist()  # noqa: E731  pixel centres lie at integers
    points, visible = place(face.landmarks[0]), face.visible[0].tolist()
    for part in IBUG68.values():
        draw.line([tuple(points[k]) for k in part], fill=(80, 200, 255), width=1)
    for (x, y), seen in zip(points, visible, strict=True):
        box = (x - 2.5, y - 2.5, x + 2.5, y + 2.5)
        draw.ellipse(box, fill=(255, 220, 60) if seen else None, outline=(255, 220, 60) if seen else (255, 60, 60))
    for x, y in place(face.points[0]):
        draw.line((x - 5, y, x + 5, y), fill=(255, 255, 255), width=1)
        draw.line((x, y - 5, x, y + 5), fill=(255, 255, 255), width=1)
    x0, y0, x1, y1 = (float(edge) for edge in place(face.box[0].view(2, 2))[0] + place(face.box[0].view(2, 2))[1])
    draw.rectangle((x0, y0, x1, y1), outline=(255, 255, 255))
    return images.from_array(np.array(picture))


def truth_picture(face: Rendered, view: str) -> Float[Tensor, "1 3 h w"]:
    """One view of the truth of the first picture.

    Args:
        face: rendered faces.
        view: a key of ``VIEWS``.

    Returns:
        (1, 3, H, W) in [0, 1]; parts and normals are as large as the picture, landmarks three times.

    Raises:
        ValueError: for an unknown view.
    """
    if view == "labels":
        return label_picture(face.labels[:1])
    if view == "landmarks":
        return landmark_picture(face)
    if view == "depth":
        return depth_picture(face.depth[:1])
    if view == "normals":
        return normal_picture(face.normals[:1])
    raise ValueError(f"view is {view!r}; it should be one of {', '.join(VIEWS)}")


def parts_seen(face: Rendered) -> list[str]:
    """Classes that the first picture shows, in the order of ``faces.LABELS``."""
    return [LABELS[int(code)] for code in face.labels[0].unique()]
