"""VGGFace: the 16-layer VGG network with a face classifier, and the projection that a triplet loss learns on top."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.recognition.backbones.layers import check_faces, initialise

CHANNELS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)  # 0 halves the map
MEAN = (129.1863, 104.7624, 93.5940)  # of the authors' faces, 8-bit RGB


class VGGFace(nn.Module):
    """VGG-16 (configuration D) for 224 × 224 faces: 145,002,878 parameters with 2622 identities.

    The authors' two steps: `classify` is trained with softmax first; then the network is frozen and only `projection`,
    4096 → 1024 without bias, is learnt with a triplet loss. `forward` returns the 4096-d feature before the
    classifier, `project` the triplet embedding.

    Args:
        identities: classes of the classifier; 2622 in the paper.
        projected: width of the projection; 1024 in the paper.

    Source: [parkhi2015], [simonyan2015]
    """

    size = 224

    def __init__(self, identities: int = 2622, projected: int = 1024):
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for outputs in CHANNELS:
            if outputs:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.fully_connected = nn.Sequential(
            nn.Flatten(),
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
        )
        self.classifier = nn.Linear(4096, identities)
        self.projection = nn.Linear(4096, projected, bias=False)
        initialise(self)

    def forward(self, image: Float[Tensor, "b 3 224 224"]) -> Float[Tensor, "b 4096"]:
        """Return the feature (B, 4096), ≥ 0, of faces in [0, 1]; the authors' mean is taken off here."""
        check_faces(image, self.size)
        mean = torch.tensor(MEAN, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
        return self.fully_connected(self.features(image * 255 - mean))

    def classify(self, image: Float[Tensor, "b 3 224 224"]) -> Float[Tensor, "b c"]:
        """Return the logits (B, C) of the identities: the first step of training."""
        return self.classifier(self(image))

    def project(self, image: Float[Tensor, "b 3 224 224"]) -> Float[Tensor, "b d"]:
        """Return the embedding (B, D) of the second step; only the projection receives a gradient."""
        with torch.no_grad():
            feature = self(image)
        return self.projection(nn.functional.normalize(feature))
