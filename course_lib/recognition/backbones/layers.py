"""Pieces that the face networks share."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def conv_unit(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, groups: int = 1, activate: bool = True
) -> nn.Sequential:
    """Return convolution, batch normalisation and (unless linear) PReLU, padded to keep the size at stride 1.

    PReLU keeps a learnt slope for negative values; with ReLU half of an embedding's signs would be lost early.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: odd side of the kernel.
        stride: of the convolution.
        groups: 1, or as many as channels for a depthwise convolution.
        activate: false leaves the unit linear, as at the end of a bottleneck.

    Returns:
        A module (B, inputs, H, W) → (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉).

    Source: [chen2018mobilefacenets]
    """
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.PReLU(outputs)) if activate else nn.Sequential(*layers)


class GlobalDepthwise(nn.Sequential):
    """Depthwise convolution over the whole map, then a linear embedding: learns how much each place of a face counts.

    Average pooling would weigh an ear like an eye; after alignment the places are known.

    Args:
        channels: of the map.
        size: its side; 7 for a 112-pixel face at stride 16.
        width: D of the embedding.

    Source: [chen2018mobilefacenets]
    """

    def __init__(self, channels: int, size: int, width: int):
        super().__init__(
            nn.Conv2d(channels, channels, size, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Flatten(),
            nn.Linear(channels, width, bias=False),
            nn.BatchNorm1d(width),
        )


def check_faces(image: Tensor, size: int) -> None:
    """Raise ValueError unless the batch is (B, 3, size, size), floating.

    Args:
        image: what the network was given.
        size: the side it was built for.

    Raises:
        ValueError: naming what was given and what is wanted.

    Source: [deng2019]
    """
    if image.ndim != 4 or image.shape[1:] != (3, size, size) or not image.is_floating_point():
        raise ValueError(
            f"image must be floating (B, 3, {size}, {size}) RGB in [0, 1], got {tuple(image.shape)} {image.dtype}"
        )


def centred(image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Return 2x - 1: images in [0, 1] moved to [-1, 1], which is (v - 127.5)/127.5 of 8-bit values.

    Every network here does this itself, because a network fed with another convention fails silently.

    Args:
        image: (B, 3, H, W) in [0, 1].

    Returns:
        Same shape, in [-1, 1].

    Source: [deng2019]
    """
    return torch.add(image * 2, -1)


def initialise(network: nn.Module) -> None:
    """Set convolutions and linear layers to He's normal initialisation over the outgoing connections, in place.

    Args:
        network: the module to set.

    Source: [chen2018mobilefacenets]
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
