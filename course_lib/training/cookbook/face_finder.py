"""The recipe of the face finder: rendered heads on photographic textures, and the false alarms among the textures."""

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from course_lib import data
from course_lib.detection import (
    SURE,
    FaceFinder,
    Precision,
    average_precision,
    box_iou,
    centre_map_loss,
    centre_targets,
    face_box,
    find_faces,
)
from course_lib.i18n import Label
from course_lib.training.face_scenes import SceneMaker, photograph_scenes
from course_lib.training.heads import rendered_heads
from course_lib.training.recipe import Recipe
from course_lib.training.textures import HELD_OUT, photograph, texture_crops


@dataclasses.dataclass
class FaceFinderRecipe(Recipe):
    """A face finder of 80 000 parameters in a few minutes.

    Attributes:
        identities, per_identity: rendered people, and pictures of each.
        size: side of the scenes, pixels.
        candidates: face-free scenes a step of which the network trains with those that it takes for faces most.
        hardest: how many those are; they come on top of ``batch_size``.
    """

    name: str = "face-finder"
    title: Label = ("Face finder", "人脸检测网络")
    data: Label = (
        "Rendered heads only, no photograph of a person: 8 000 pictures of 2 000 invented people, pasted into scenes over "
        "crops of 16 photographs without people that come with scikit-image.",
        "只有渲染的头部，没有任何人物照片：2 000 个虚构人物的 8 000 幅图像，贴在由 scikit-image 自带的 16 幅无人照片裁出的场景上。",
    )
    steps: int = 1000
    batch_size: int = 20
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    identities: int = 2000
    per_identity: int = 4
    size: int = 160
    candidates: int = 16
    hardest: int = 4

    def prepare(self) -> None:
        """Renders the heads and cuts the textures."""
        generator = torch.Generator().manual_seed(self.seed)
        heads = rendered_heads(self.identities, self.per_identity)
        self._scenes = SceneMaker(heads, texture_crops(1200, self.size, generator), self.size)

    def build(self) -> nn.Module:
        """The untrained network."""
        return FaceFinder()

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Scenes with their map and boxes, and scenes without a face to choose the hardest from."""
        scenes, boxes, count = self._scenes.draw(self.batch_size, generator)
        heat, wanted = centre_targets(boxes, count, (self.size, self.size))
        empty = torch.stack([self._scenes.background(generator) for _ in range(self.candidates)])
        return scenes, heat, wanted, photograph_scenes(empty, generator)

    def loss(self, model: nn.Module, batch: Any, step: int) -> Tensor:
        """Map and boxes, with the empty scenes that look most like faces to the network as it is now."""
        scenes, heat, wanted, empty = batch
        if self.hardest:
            # Choosing anew in every step needs no memory of what was mined before: a resumed run goes on the same.
            model.eval()
            with torch.no_grad():
                alarm = model(empty)[:, 0].amax((1, 2))
            model.train()
            chosen = empty[alarm.topk(self.hardest).indices]
            scenes = torch.cat([scenes, chosen])
            heat = torch.cat([heat, heat.new_zeros(self.hardest, *heat.shape[1:])])
            wanted = torch.cat([wanted, wanted.new_full((self.hardest, *wanted.shape[1:]), float("nan"))])
        of_map, of_boxes = centre_map_loss(model(scenes), heat, wanted)
        return of_map + of_boxes

    @torch.no_grad()
    def evaluate(self, network: nn.Module) -> dict[str, Any]:
        """Scenes of people it has not seen, photographs without a face, and the two portraits."""
        generator = torch.Generator().manual_seed(1)
        heads = rendered_heads(200, 2, "test")
        maker = SceneMaker(heads, texture_crops(200, 320, generator), 320)
        scenes, boxes, count = maker.draw(120, generator)
        found = [face for part in scenes.split(20) for face in find_faces(part, score=0.05, network=network)]
        truth = [boxes[k, : count[k]] for k in range(len(scenes))]
        result = average_precision(found, truth, smallest=24)
        return {
            "rendered_scenes": {"scenes": len(scenes), "faces": result.faces, "AP50": round(result.average, 4)}
            | best_f1(result),
            "threshold_in_use": SURE,
            "false_alarms": false_alarms(network),
            "portraits": {name: portrait_found(network, name) for name in data.PORTRAITS},
        }


def best_f1(result: Precision) -> dict[str, float]:
    """The score at which precision and recall are best together, and both there."""
    f1 = 2 * result.precision * result.recall / (result.precision + result.recall).clamp_min(1e-9)
    at = int(f1.argmax())
    values = {"score": result.scores[at], "precision": result.precision[at], "recall": result.recall[at]}
    return {f"best_F1_{name}": round(float(value), 4) for name, value in values.items()}


def false_alarms(network: nn.Module) -> dict[str, int]:
    """Faces found in the held-out photographs without a face: at the threshold in use, and at one half."""
    scores = [find_faces(photograph(name), score=0.5, network=network)[0].scores for name in HELD_OUT]
    every = torch.cat(scores)
    return {"photographs": len(scores)} | {f"at_score_{at}": int((every >= at).sum()) for at in (0.5, SURE)}


def portrait_found(network: nn.Module, name: str) -> dict[str, float]:
    """Score of the surest face in a portrait, its overlap with the box of the hand-placed landmarks, and other faces."""
    faces = find_faces(data.portrait(name), score=0.3, network=network)[0]
    if not len(faces):
        return {"score": 0.0, "overlap": 0.0, "others": 0}
    overlap = box_iou(faces.boxes[:1], face_box(data.landmarks(name)[None]))
    return {
        "score": round(float(faces.scores[0]), 3),
        "overlap": round(float(overlap), 3),
        "others": int((faces.scores[1:] > SURE).sum()),
    }


RECIPES = (FaceFinderRecipe(),)
