"""Face recognition: from a picture to a name, and how networks learn it.

`margins` holds the margin softmax and its margins, `pairs` the losses on pairs and triplets, `miners` and `samplers`
what they learn from, `backbones` the networks, `pipeline` alignment, embedding and comparison, `verification`,
`identification` and `curves` the evaluation, `partial_fc`, `sharded` and `memory` the scale, `curves_2d` the figures.
"""

from course_lib.recognition.margins import (
    AdaFace,
    ArcFace,
    Combined,
    CosFace,
    CurricularFace,
    LSoftmax,
    MagFace,
    NormFace,
    Softmax,
    SphereFace,
    SphereFaceR,
    SubCentreArcFace,
    margin_cross_entropy,
)
from course_lib.recognition.pipeline import align, compare, embed, identify, verify
from course_lib.recognition.verification import tar_at_far, ten_fold_accuracy

__all__ = [
    "AdaFace",
    "ArcFace",
    "Combined",
    "CosFace",
    "CurricularFace",
    "LSoftmax",
    "MagFace",
    "NormFace",
    "Softmax",
    "SphereFace",
    "SphereFaceR",
    "SubCentreArcFace",
    "align",
    "compare",
    "embed",
    "identify",
    "margin_cross_entropy",
    "tar_at_far",
    "ten_fold_accuracy",
    "verify",
]
