"""What rendering gives back."""

from dataclasses import dataclass, fields

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass
class Rendered:
    """B pictures with their truth. Pixel centres lie at integers; left and right are the person's.

    Attributes:
        image: (B, 3, S, S) display RGB in [0, 1].
        labels: (B, S, S) classes of ``truth.LABELS``.
        landmarks: (B, 68, 2) pixels, iBUG order.
        landmarks3d: (B, 68, 3) cm in the camera frame (x right, y down, z forward from the lens).
        points: (B, 5, 2) eye centres, nose tip, mouth corners.
        visible: (B, 68) whether each landmark is seen.
        box: (B, 4) x0, y0, x1, y1 of the whole face from brow to chin and ear to ear, hidden parts included.
        yaw, pitch, roll: (B,) degrees, signs as in ``geometry.rotations``.
        rotation: (B, 3, 3) of the head in the camera frame.
        intrinsics: (B, 3, 3) of the camera.
        depth: (B, S, S) cm from the lens, 0 where there is only background.
        normals: (B, 3, S, S) unit normals in the camera frame, 0 on the background.
        light: (B, 6) direction towards the key light in the camera frame, its strength, the ambient strength, warmth.
        eye_openness: (B, 2) gap between the lids over the width of the eye; right eye, left eye.
        mouth_opening: (B,) gap between the lips over the width of the mouth.
        occlusion: (B,) share of the camera-facing face that something covers or the frame cuts off.
        occluder: (B, S, S) masks, hands and other things in front.
        index: (B,) identity of each picture.
    """

    image: Float[Tensor, "b 3 s s"]
    labels: Int[Tensor, "b s s"]
    landmarks: Float[Tensor, "b 68 2"]
    landmarks3d: Float[Tensor, "b 68 3"]
    points: Float[Tensor, "b 5 2"]
    visible: Bool[Tensor, "b 68"]
    box: Float[Tensor, "b 4"]
    yaw: Float[Tensor, "b"]
    pitch: Float[Tensor, "b"]
    roll: Float[Tensor, "b"]
    rotation: Float[Tensor, "b 3 3"]
    intrinsics: Float[Tensor, "b 3 3"]
    depth: Float[Tensor, "b s s"]
    normals: Float[Tensor, "b 3 s s"]
    light: Float[Tensor, "b 6"]
    eye_openness: Float[Tensor, "b 2"]
    mouth_opening: Float[Tensor, "b"]
    occlusion: Float[Tensor, "b"]
    occluder: Bool[Tensor, "b s s"]
    index: Int[Tensor, "b"]

    def rows(self, rows: Tensor) -> "Rendered":
        """Some of the pictures, in the order of ``rows``."""
        return Rendered(*(getattr(self, f.name)[rows] for f in fields(self)))
