"""What the networks of the course read in a picture of the lab: the face, aligned, its pose and its eyes."""

import base64
import html
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import detection, geometry, images, quality
from course_lib.i18n import Label, say
from course_lib.quality.face_reading import FACE_LINES
from course_lib.widgets.numbers import number

TEXT: dict[str, Label] = {
    "title": ("The face, as two networks see it", "两个网络眼中的人脸"),
    "alt": (
        "The face, aligned, with the 68 landmarks that the network reads",
        "对齐后的人脸，以及网络读出的 68 个关键点",
    ),
    "score": ("face finder's score", "人脸检测得分"),
    "right": ("right eye open", "右眼睁开程度"),
    "left": ("left eye open", "左眼睁开程度"),
    "lost": (
        "In this state the face would not be found any more: what is read below comes from where it was.",
        "在这种状态下，这张脸已经检测不到了；下面的读数取自它原来的位置。",
    ),
    "none": ("No face was found. Pose and eyes cannot be read.", "未检测到人脸，无法读取姿态和眼睛。"),
    "note": (
        "Read by networks that learnt from rendered faces only; angles are off by 5 to 10 degrees. "
        "Eyes: gap between the lids over the eye's width, about 0.3 when open.",
        "由只见过渲染人脸的网络读出；角度误差约 5 到 10 度。眼睛：上下眼睑间距与眼宽之比，睁开时约 0.3。",
    ),
}


@dataclass(frozen=True)
class Reading:
    """What is read in one state of a picture.

    Attributes:
        score: of the face finder at the place of the face, in (0, 1).
        points: (68, 2) landmarks, pixels.
        angles: yaw, pitch, roll, degrees.
        eyes: openness of the person's right and left eye.
        crop: (1, 3, 112, 112) the face aligned.
        dots: (68, 2) landmarks in the crop.
    """

    score: float
    points: Tensor
    angles: tuple[float, float, float]
    eyes: tuple[float, float]
    crop: Tensor
    dots: Tensor

    @property
    def found(self) -> bool:
        """Whether the finder would find the face in this state."""
        return self.score >= detection.SURE


def largest_face(image: Tensor) -> tuple[Tensor | None, int]:
    """Box (4,) of the largest face of a picture (1, 3, H, W), None without a face; and how many faces there are."""
    faces = detection.find_faces(image)[0]
    if not len(faces):
        return None, 0
    return faces.boxes[(faces.boxes[:, 3] - faces.boxes[:, 1]).argmax()], len(faces)


def read(image: Tensor, box: Tensor) -> Reading:
    """Reads the face near a box.

    Args:
        image: (1, 3, H, W) in [0, 1].
        box: (4,) x0, y0, x1, y1, pixels.
    """
    # The networks see a face at 112 px or less: what is twice as large is halved once instead of in each of them.
    shrink = 2 if float(box[3] - box[1]) >= 160 else 1
    image, box = F.avg_pool2d(image, shrink), (box + 0.5) / shrink - 0.5
    points, five = detection.find_landmarks(image, box[None])
    yaw, pitch, roll = quality.pose.yaw_pitch_roll(points)[0].tolist()
    right, left = detection.eye_openness(points)[0].tolist()
    goal = torch.tensor(geometry.ARCFACE_TEMPLATE)[None]
    dots = geometry.transform_points(points, geometry.similarity_transform(five, goal))[0]
    score = float(detection.face_score(image, box[None]))
    large = (points[0] + 0.5) * shrink - 0.5
    return Reading(score, large, (yaw, pitch, roll), (right, left), geometry.align(image, five), dots)


def reading_html(reading: Reading | None) -> str:
    """The aligned face with its landmarks beside the numbers; without a face a sentence that says so."""
    if reading is None:
        return f'<p class="sf-status" role="status">{say(TEXT["none"])}</p>'
    lost = "" if reading.found else f'<p class="sf-status sf-problem" role="status">{say(TEXT["lost"])}</p>'
    names = [say(TEXT["score"]), *(say(f"head_pose_{axis}") for axis in ("yaw", "pitch", "roll"))]
    names += [say(TEXT["right"]), say(TEXT["left"])]
    values = [number(reading.score), *(f"{angle:.0f}°".replace("-", "−") for angle in reading.angles)]
    values += [f"{eye:.2f}" for eye in reading.eyes]
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name, quote=False)}</th><td>{value}</td></tr>'
        for name, value in zip(names, values, strict=True)
    )
    table = f'<table class="sf-reading"><tbody>{rows}</tbody></table>'
    return f'{lost}<div class="sf-face">{_drawing(reading)}{table}</div><p class="sf-note">{say(TEXT["note"])}</p>'


def _drawing(reading: Reading) -> str:
    picture = base64.b64encode(images.to_png(reading.crop.clamp(0, 1))).decode("ascii")
    at = [f"{x + 0.5:.1f} {y + 0.5:.1f}" for x, y in reading.dots.tolist()]
    lines = [pair for name, pairs in FACE_LINES.items() if name != "box" for pair in pairs]
    path = "".join(f"M{at[a]}L{at[b]}" for a, b in lines)
    return (
        f'<svg viewBox="0 0 112 112" role="img" aria-label="{html.escape(say(TEXT["alt"]), quote=True)}">'
        f'<image width="112" height="112" href="data:image/png;base64,{picture}"/>'
        f'<path d="{path}" fill="none" stroke="#39e6b5" stroke-width="0.9" stroke-linejoin="round"/></svg>'
    )
