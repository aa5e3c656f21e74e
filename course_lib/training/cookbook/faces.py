"""The two recognisers that come with the book: the course's own network and MobileFaceNet."""

import dataclasses

from torch import nn

from course_lib.i18n import Label
from course_lib.recognition.backbones import CourseNet, MobileFaceNet
from course_lib.training.face_recipe import FaceRecipe


@dataclasses.dataclass
class CourseNetRecipe(FaceRecipe):
    """CourseNet with ArcFace; about seven minutes on one core."""

    name: str = "coursenet"
    title: Label = ("CourseNet, a small face recogniser", "CourseNet：小型人脸识别网络")
    steps: int = 800
    learning_rate: float = 1e-2
    scale: float = 16.0
    budget: float = 8.0

    def embedder(self) -> nn.Module:
        """Returns CourseNet."""
        return CourseNet(self.width, size=self.size)


@dataclasses.dataclass
class MobileFaceNetRecipe(FaceRecipe):
    """MobileFaceNet with ArcFace; half an hour on one core, since depthwise convolutions are slow there."""

    name: str = "mobilefacenet"
    title: Label = ("MobileFaceNet, trained on rendered faces", "MobileFaceNet：在渲染人脸上训练")
    steps: int = 600
    learning_rate: float = 1e-2
    scale: float = 16.0
    budget: float = 30.0

    def embedder(self) -> nn.Module:
        """Returns MobileFaceNet."""
        return MobileFaceNet(self.width)


RECIPES = (CourseNetRecipe(), MobileFaceNetRecipe())
