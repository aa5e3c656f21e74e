"""The recipe of the landmark network: crops of rendered heads, as a face finder would cut them."""

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import data
from course_lib.detection import LandmarkNetwork, face_box, find_landmarks, landmark_errors
from course_lib.detection.face_landmarks import crop_transform, read_crops
from course_lib.geometry import five_points, transform_points
from course_lib.i18n import Label
from course_lib.training.face_crops import cut_crops, draw_crops, jittered_boxes
from course_lib.training.heads import Heads, rendered_heads
from course_lib.training.recipe import Recipe
from course_lib.training.textures import texture_crops

WEIGHTS = {"jaw": (range(17), 0.3), "eyes": (range(36, 48), 2.0), "nose tip and mouth corners": ((30, 48, 54), 2.0)}
"""What counts less or more than 1 in the loss: the jaw is a line without marks, the rest is what alignment needs."""


@dataclasses.dataclass
class FaceLandmarksRecipe(Recipe):
    """A landmark network of 240 000 parameters in a few minutes.

    Attributes:
        identities, per_identity: rendered people, and pictures of each.
    """

    name: str = "face-landmarks"
    title: Label = ("Landmark network", "关键点网络")
    data: Label = (
        "Rendered heads only, no photograph of a person: crops of 8 000 pictures of 2 000 invented people, three quarters of "
        "them over crops of 16 photographs without people that come with scikit-image.",
        "只有渲染的头部，没有任何人物照片：2 000 个虚构人物的 8 000 幅图像的裁剪，其中四分之三以 scikit-image 自带的 16 幅无人照片为背景。",
    )
    steps: int = 1300
    batch_size: int = 84
    learning_rate: float = 4e-3
    weight_decay: float = 2e-3
    warm_up: float = 0.15
    identities: int = 2000
    per_identity: int = 4

    def prepare(self) -> None:
        """Renders the heads and cuts the textures."""
        generator = torch.Generator().manual_seed(self.seed)
        self._heads = rendered_heads(self.identities, self.per_identity, glasses=0.3, spectacles=1.0)
        self._textures = texture_crops(1200, 96, generator)
        weights = torch.ones(68)
        for rows, weight in WEIGHTS.values():
            weights[list(rows)] = weight
        self._weights = weights / weights.mean()

    def build(self) -> nn.Module:
        """The untrained network."""
        return LandmarkNetwork()

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Crops and the landmarks in them."""
        return draw_crops(self._heads, self._textures, self.batch_size, generator)

    def loss(self, model: nn.Module, batch: Any, step: int) -> Tensor:
        """Mean distance in sixths of a crop, weighted, plus that of the five points."""
        crops, wanted = batch
        points = model(crops)
        every = (distances(points, wanted) * self._weights.to(points.device)).mean()
        return (every + distances(five_points(points), five_points(wanted)).mean()) / 8

    @torch.no_grad()
    def evaluate(self, network: nn.Module) -> dict[str, Any]:
        """People it has not seen, and the two portraits; beside them the mean face in the same boxes."""
        heads = rendered_heads(200, 2, "test")
        generator = torch.Generator().manual_seed(1)
        boxes = jittered_boxes(heads.box, generator, shift=0.07, scale=0.1)
        return {
            "boxes": "moved by 7 % of their height, scaled by 10 % (standard deviations)",
            "rendered_people": {"pictures": len(heads)} | on_rendered(network, heads, boxes),
            "portraits": {name: on_portrait(network, name) for name in data.PORTRAITS},
        }


def distances(points: Tensor, wanted: Tensor) -> Tensor:
    """Distances with a gradient at 0."""
    return ((points - wanted).square().sum(-1) + 1e-4).sqrt()


def on_rendered(network: nn.Module, heads: Heads, boxes: Tensor) -> dict[str, float]:
    """Median error of 68 and of 5 points in % of the distance between the eyes, the network's and the mean face's."""
    rows = torch.arange(len(heads))
    grey, _, truth = cut_crops(heads, rows, boxes, torch.zeros(len(heads)))
    found = torch.cat([read_crops(network, part) for part in grey.split(64)])
    # The mean face is that of faces cut by their own boxes; it sees no picture.
    matrix = crop_transform(heads.box)
    mean = transform_points(heads.landmarks, matrix).mean(0, keepdim=True).expand(len(heads), -1, -1)
    out = {}
    for who, points in (("", found), ("mean_face_", mean)):
        for k, part in ((68, lambda p: p), (5, five_points)):
            error = landmark_errors(part(points), part(truth)).mean(1).median()
            out[f"{who}NME{k}_percent"] = round(100 * float(error), 2)
    return out


def on_portrait(network: nn.Module, name: str) -> dict[str, float]:
    """Errors on a portrait with hand-placed points, in % of the distance between the eyes, from the box they have."""
    truth = data.landmarks(name)[None]
    points, five = find_landmarks(data.portrait(name), face_box(truth), network=network)
    of_five = landmark_errors(five, five_points(truth))[0] * 100
    return {
        "right_eye": round(float(of_five[0]), 2),
        "left_eye": round(float(of_five[1]), 2),
        "NME5": round(float(of_five.mean()), 2),
        "NME68": round(100 * float(landmark_errors(points, truth).mean()), 2),
    }


RECIPES = (FaceLandmarksRecipe(),)
