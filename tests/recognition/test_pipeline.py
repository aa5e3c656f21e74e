"""Checks of the pipeline: scikit-image's similarity, slicing, and sorting by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.transform import SimilarityTransform

from course_lib import geometry
from course_lib.recognition import backbones, pipeline


def landmarks(count, seed=0):
    g = torch.Generator().manual_seed(seed)
    template = torch.tensor(geometry.ARCFACE_TEMPLATE)
    turn = 0.6 * torch.randn(count, generator=g)
    size = 0.5 + 2 * torch.rand(count, generator=g)
    rotation = torch.stack([torch.stack([turn.cos(), -turn.sin()], 1), torch.stack([turn.sin(), turn.cos()], 1)], 1)
    return (
        size[:, None, None] * template @ rotation.mT
        + 80 * torch.rand(count, 1, 2, generator=g)
        + torch.randn(count, 5, 2, generator=g)
    )


def test_alignment_equals_scikit_image(record_check):
    points = landmarks(300).double()
    template = torch.tensor(geometry.ARCFACE_TEMPLATE, dtype=torch.float64)
    ours = geometry.similarity_transform(points, template[None])
    theirs = [SimilarityTransform.from_estimate(p, template.numpy()).params[:2] for p in points.numpy()]
    moved = geometry.transform_points(points, ours)
    expected = geometry.transform_points(points, torch.from_numpy(np.stack(theirs)))
    record_check(
        "geometry.similarity_transform",
        "scikit-image SimilarityTransform, px",
        300,
        float((moved - expected).abs().max()),
        1e-10,
    )


def test_aligned_faces_have_their_eyes_in_place(device):
    """A picture whose channels are its own coordinates shows where each pixel of the result came from."""
    y, x = torch.meshgrid(torch.arange(400.0), torch.arange(400.0), indexing="ij")
    picture = torch.stack([x / 400, y / 400, torch.zeros_like(x)])[None].to(device)
    points = landmarks(1).to(device) + 60
    face = pipeline.align(picture, points)
    template = torch.tensor(geometry.ARCFACE_TEMPLATE, device=device)
    back = geometry.transform_points(
        template[None], geometry.invert_transform(geometry.similarity_transform(points, template[None]))
    )
    for place, origin in zip(template.round().long(), back[0], strict=True):
        got = face[0, :2, place[1], place[0]] * 400
        assert (
            got - origin
        ).abs().max() < 3  # the template's points lie up to half a pixel from a pixel centre, times the scale


def test_crop_equals_slicing(record_check):
    image = torch.rand(2, 3, 60, 80)
    boxes = torch.tensor([[10.0, 5.0, 42.0, 37.0], [20.0, 10.0, 52.0, 42.0]])
    # a 32-pixel box at size 32: edges at integers are half a pixel off the centres, so the crop is a plain slice
    ours = pipeline.crop_faces(image, boxes + 0.0, 32)
    expected = torch.stack([image[0, :, 5:37, 10:42], image[1, :, 10:42, 20:52]])
    record_check(
        "recognition.pipeline.crop_faces", "slicing", 2, float((ours - expected).abs().max()), 1e-5, "fp32 grid"
    )
    wide = pipeline.crop_faces(image, torch.tensor([[10.0, 5.0, 42.0, 21.0]] * 2), 16, margin=0.5)
    assert wide.shape == (2, 3, 16, 16)
    with pytest.raises(ValueError, match="boxes"):
        pipeline.crop_faces(image, torch.tensor([[10.0, 5.0, 10.0, 37.0]] * 2))


def test_flip_test(device):
    torch.manual_seed(0)
    network = backbones.CourseNet().to(device).train()
    faces = torch.rand(5, 3, 112, 112, device=device)
    both = pipeline.embed(network, faces, batch_size=2)
    assert network.training
    torch.testing.assert_close(both, pipeline.embed(network, faces.flip(3)), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(5, device=device))
    network.eval()
    with torch.no_grad():
        a, b = network(faces), network(faces.flip(3))
    torch.testing.assert_close(both, F.normalize(a + b), atol=1e-4, rtol=1e-3)
    joined = pipeline.embed(network, faces, flip="concatenate")
    torch.testing.assert_close(joined, F.normalize(torch.cat([a, b], 1)), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(pipeline.embed(network, faces, flip="none"), F.normalize(a), atol=1e-4, rtol=1e-3)
    for wrong in (dict(flip="mirror"), dict(batch_size=0)):
        with pytest.raises(ValueError):
            pipeline.embed(network, faces, **wrong)


def test_one_to_one():
    a = torch.tensor([[1.0, 0.0], [2.0, 2.0], [0.0, 0.0]])
    b = torch.tensor([[0.0, 3.0], [1.0, 1.0], [1.0, 0.0]])
    decisions, scores = pipeline.verify(a, b, 0.5)
    torch.testing.assert_close(scores, torch.tensor([0.0, 1.0, 0.0]))
    assert decisions.tolist() == [False, True, False]


def test_one_to_many_equals_sorting():
    g = torch.Generator().manual_seed(0)
    gallery, probes = torch.randn(30, 8, generator=g), torch.randn(11, 8, generator=g)
    labels = torch.randint(0, 12, (30,), generator=g)
    match = pipeline.identify(probes, gallery, labels, top=4, threshold=0.3, batch_size=5)
    for i, probe in enumerate(probes):
        scores = F.cosine_similarity(probe[None], gallery)
        order = scores.argsort(descending=True)[:4]
        torch.testing.assert_close(match.scores[i], scores[order])
        assert match.labels[i].tolist() == [int(labels[j]) if scores[j] >= 0.3 else -1 for j in order]
    with pytest.raises(ValueError, match="top"):
        pipeline.identify(probes, gallery, labels, top=31)


def test_templates_are_the_directions_of_sums():
    x = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    templates, names = pipeline.mean_templates(x, torch.tensor([7, 7, 3]))
    assert names.tolist() == [3, 7]
    torch.testing.assert_close(
        templates, torch.stack([torch.tensor([0.0, 1.0]), F.normalize(torch.tensor([2.0, 1.0]), dim=0)])
    )
