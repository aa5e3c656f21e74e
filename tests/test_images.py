"""Images: files in every form, checks, and colour conversions against OpenCV, scikit-image and Pillow."""

import inspect
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import skimage.color
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_lib import images

RGB = np.random.default_rng(0).integers(0, 256, (24, 17, 3), dtype=np.uint8)
PAIRS = [
    (images.linear_from_srgb, images.srgb_from_linear),
    (images.yuv_from_rgb, images.rgb_from_yuv),
    (images.ycbcr_from_rgb, images.rgb_from_ycbcr),
    (images.hsv_from_rgb, images.rgb_from_hsv),
    (images.xyz_from_rgb, images.rgb_from_xyz),
    (images.lab_from_rgb, images.rgb_from_lab),
]
NAMES = [there.__name__ for there, _ in PAIRS]


def encoded(image, form="PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def loaded(data: bytes) -> np.ndarray:
    return images.load(data)[0].permute(1, 2, 0).numpy()


def all_colours() -> torch.Tensor:
    """Corners, greys and a grid of sRGB, 17 levels each: 4913 colours as one image (1, 3, 17, 289)."""
    levels = torch.linspace(0, 1, 17, dtype=torch.float64)
    return torch.stack(torch.meshgrid(levels, levels, levels, indexing="ij")).reshape(1, 3, 17, 289)


def hwc(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).numpy()


# ---- files


def test_path_bytes_and_files_give_the_same_pixels(tmp_path):
    data = encoded(Image.fromarray(RGB))
    path = tmp_path / "face.png"
    path.write_bytes(data)
    expected = torch.from_numpy(RGB.transpose(2, 0, 1).astype(np.float32) / 255)[None]
    for source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)):
        image = images.load(source)
        assert image.dtype == torch.float32
        assert torch.equal(image, expected)
    with open(path, "rb") as file:
        assert torch.equal(images.load(file), expected)
    path.unlink()  # the file was closed: Windows would refuse otherwise


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "PPM", "WEBP", "GIF", "JPEG"])
def test_every_format_decodes_as_pillow_does(form):
    data = encoded(Image.fromarray(RGB), form, **({"lossless": True} if form == "WEBP" else {}))
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float32) / 255
    assert np.array_equal(loaded(data), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation_is_applied(form, orientation):
    # Written out by hand from the EXIF table: which side of the stored array is the top and the left of the scene.
    upright = np.zeros((16, 32, 3), dtype=np.uint8)
    upright[:8, :8] = 255  # a white corner at the top left of the scene
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = loaded(encoded(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif))
    assert image.shape == (16, 32, 3)
    assert np.abs(image - upright / 255).max() < 0.1  # JPEG of flat blocks is almost exact


def test_damaged_exif_does_not_refuse_the_picture():
    data = encoded(Image.fromarray(RGB), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert loaded(data).shape == RGB.shape


def test_alpha_is_composited_on_white():
    alpha = np.tile(np.array([0, 51, 128, 255], dtype=np.uint8), (4, 1))
    colour = np.full((4, 4, 3), (200, 100, 0), dtype=np.uint8)
    image = loaded(encoded(Image.fromarray(np.dstack((colour, alpha)))))
    share = alpha[..., None] / 255
    assert np.allclose(image, colour / 255 * share + 1 - share, atol=1e-6)
    assert np.allclose(image[:, 0], 1)


def test_transparency_of_grey_palette_and_colour_key():
    grey = np.array([[10, 200]], dtype=np.uint8)
    alpha = np.array([[255, 0]], dtype=np.uint8)
    image = loaded(encoded(Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])))
    assert np.allclose(image[0, :, 0], [10 / 255, 1])
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert np.allclose(loaded(encoded(palette))[0], [[1, 0, 0], [0, 0, 1]])
    assert np.allclose(loaded(encoded(palette, transparency=1))[0], [[1, 0, 0], [1, 1, 1]])
    key = encoded(Image.fromarray(np.array([[[9, 9, 9], [1, 2, 3]]], dtype=np.uint8)), transparency=(1, 2, 3))
    assert np.allclose(loaded(key)[0], [[9 / 255] * 3, [1, 1, 1]])


def test_grey_and_one_bit():
    assert np.array_equal(
        loaded(encoded(Image.fromarray(RGB[..., 0]))), np.repeat(RGB[..., :1], 3, 2).astype(np.float32) / 255
    )
    bits = Image.fromarray(RGB[..., 0] > 127)
    assert np.array_equal(loaded(encoded(bits))[..., 1], (RGB[..., 0] > 127).astype(np.float32))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_precision(form):
    values = np.array([[0, 1, 255, 256, 32768, 65535]], dtype=np.uint16)
    assert np.allclose(loaded(encoded(Image.fromarray(values), form))[0, :, 2], values[0] / 65535, atol=1e-7)


def test_sixteen_bit_colour_is_read_to_eight_bits():
    values = np.array([[[0, 300, 65535], [40000, 12345, 257]]], dtype=np.uint16)
    _, data = cv2.imencode(".png", values[..., ::-1])
    # Pillow keeps the upper byte: less than 1/255 is lost.
    assert np.abs(loaded(data.tobytes()) - values / 65535).max() < 1 / 255


def test_cmyk_and_adobe_cmyk_jpeg():
    cmyk = np.zeros((8, 16, 4), dtype=np.uint8)
    cmyk[:, :8] = (255, 0, 0, 0)  # cyan
    cmyk[:, 8:] = (0, 0, 0, 128)  # half black
    for form in ("TIFF", "JPEG"):
        image = loaded(encoded(Image.fromarray(cmyk, "CMYK"), form))
        assert np.abs(image[:, :8] - (0, 1, 1)).max() < 0.02
        assert np.abs(image[:, 8:] - 127 / 255).max() < 0.02


def test_first_frame_of_an_animation():
    frames = [Image.fromarray(np.full((8, 8), level, dtype=np.uint8)) for level in (0, 255)]
    assert loaded(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])).max() == 0


def test_float_and_integer_tiff():
    levels = np.array([[0, 0.25, 1]], dtype=np.float32)
    assert np.allclose(loaded(encoded(Image.fromarray(levels), "TIFF"))[0, :, 0], levels[0])
    for wrong in (levels * 255, levels.astype(np.int32) * 70000, levels - 1, levels * np.float32("nan")):
        with pytest.raises(ValueError, match="white is unknown"):
            images.load(encoded(Image.fromarray(wrong), "TIFF"))


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises width × height pixels and whose data are 10 bytes: decoding it would fail."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"not decoded") + chunk(b"IEND", b"")


def test_size_is_checked_before_decoding(monkeypatch):
    with pytest.raises(ValueError, match=r"8000 × 8000 pixels, more than max_pixels = 50000000"):
        images.load(bomb(8000, 8000))  # the data are nonsense: had they been read, the message would say damaged
    with pytest.raises(ValueError, match="larger than Pillow opens"):
        images.load(bomb(100_000, 100_000))
    with pytest.raises(ValueError, match="damaged"):
        images.load(bomb(10, 10))
    data = encoded(Image.fromarray(RGB))
    with pytest.raises(ValueError, match="max_pixels = 407"):
        images.load(data, max_pixels=24 * 17 - 1)
    assert images.load(data, max_pixels=24 * 17).shape == (1, 3, 24, 17)


@pytest.mark.parametrize("url", ["https://example.org/a.png", "file:///a.png", "data:image/png;base64,AAAA"])
def test_urls_are_not_fetched(url):
    with pytest.raises(ValueError, match="URL"):
        images.load(url)


def test_what_is_no_image(tmp_path):
    load = inspect.unwrap(images.load)  # without the tests' type checker, as users call it
    with pytest.raises(ValueError, match="not an image"):
        images.load(b"<html>no such page</html>")
    with pytest.raises(ValueError, match="no bytes"):
        images.load(b"")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.txt' is not an image"):
        images.load(tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError):
        images.load(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="not an image"):  # Pillow would start Ghostscript for it
        images.load(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    with pytest.raises(TypeError, match="got int"):
        load(7)
    with pytest.raises(TypeError, match="got ndarray"):
        load(RGB)
    with open(tmp_path / "notes.txt") as file, pytest.raises(TypeError, match="binary mode"):
        load(file)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "PPM", "WEBP"])
def test_truncated_files_are_refused(form):
    data = encoded(Image.fromarray(RGB), form)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(ValueError, match=r"damaged|not an image"):
            images.load(data[: int(len(data) * share)])


@given(
    st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
)
def test_damage_gives_an_image_or_a_value_error(form, changes):
    data = bytearray(encoded(Image.fromarray(RGB), form))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        image = images.load(bytes(data), max_pixels=10_000)
    except ValueError:
        return
    images.check_images(image, channels=(3,))


# ---- arrays and sizes


def test_arrays_round_trip():
    assert np.array_equal(images.to_array(images.from_array(RGB)), RGB)
    grey = images.from_array(RGB[..., 0])
    assert np.array_equal(images.to_array(grey[:, :1]), np.repeat(RGB[..., :1], 3, 2))
    assert images.to_array(torch.tensor([1.000001, -1e-6, 0.5]).view(1, 3, 1, 1)).tolist() == [[[255, 0, 128]]]
    for form in (RGB, RGB[..., 0]):
        image = images.from_array(form)
        read = Image.open(io.BytesIO(images.to_png(image))).convert("RGB")
        assert np.array_equal(np.asarray(read), images.to_array(image))


def test_array_errors():
    from_array, to_array = inspect.unwrap(images.from_array), inspect.unwrap(images.to_array)
    with pytest.raises(TypeError, match="float64"):
        from_array(RGB / 255)
    with pytest.raises(ValueError, match=r"\(24, 17, 4\)"):
        from_array(np.zeros((24, 17, 4), np.uint8))
    with pytest.raises(ValueError, match="batch of 2"):
        to_array(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("size", [(12, 9), (24, 40), (7, 50), 24])
def test_resize_is_pillows_antialiased_cubic(size, record_check):
    image = images.from_array(RGB)
    height, width = (size, size) if isinstance(size, int) else size
    planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC) for plane in image[0].numpy()]
    expected = np.clip(np.stack([np.asarray(plane) for plane in planes]), 0, 1)
    difference = np.abs(images.resize(image, size)[0].numpy() - expected).max()
    # Both sum at most 12 × 12 products of float32 numbers below 1.
    record_check("images.resize", "Pillow resize BICUBIC", expected.size, difference, 2e-5)


def test_resize_keeps_what_fits_and_half_precision(device):
    image = torch.rand(2, 3, 8, 8, device=device)
    assert images.resize(image, 8) is image
    half = images.resize(image.half(), (4, 6))
    assert half.dtype == torch.float16 and half.device.type == device.type
    with pytest.raises(ValueError, match="at least 1 pixel"):
        images.resize(image, (0, 4))


# ---- checks


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((1, 3, 4, 4)), TypeError, "face: expected a torch.Tensor.*ndarray"),
        (torch.zeros(3, 4, 4), ValueError, r"face: expected shape \(B, C, H, W\) with C = 1 or 3, got \(3, 4, 4\)"),
        (torch.zeros(1, 4, 4, 3), ValueError, r"got \(1, 4, 4, 3\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), TypeError, "uint8"),
        (torch.zeros(0, 3, 4, 4), ValueError, "at least one image"),
        (torch.zeros(1, 3, 0, 4), ValueError, "at least one image and one pixel"),
        (torch.full((1, 3, 4, 4), 255.0), ValueError, "divide 8-bit values by 255"),
        (torch.full((1, 3, 4, 4), -0.1), ValueError, "from -0.1 to -0.1"),
        (torch.tensor([0, 0.5, float("nan")]).view(1, 3, 1, 1), ValueError, "NaN"),
        (torch.tensor([0, 0.5, float("inf")]).view(1, 3, 1, 1), ValueError, "to inf"),
    ],
)
def test_what_is_no_batch_of_images(image, error, message):
    with pytest.raises(error, match=message):
        inspect.unwrap(images.check_images)(image, "face")


def test_rounding_errors_are_no_range_errors(device):
    for dtype, over in ((torch.float32, 1e-6), (torch.float16, 2e-3), (torch.bfloat16, 1.6e-2)):
        images.check_images(torch.full((1, 1, 2, 2), 1 + over, device=device, dtype=dtype))
    with pytest.raises(ValueError, match="C = 3"):
        images.check_images(torch.zeros(1, 1, 2, 2), channels=(3,))


# ---- colour


def test_colours_against_scikit_image(record_check):
    colours = all_colours()
    oracles = [
        # Same constants on both sides: only rounding in float64.
        (images.hsv_from_rgb, skimage.color.rgb2hsv, 1e-12, ""),
        (images.yuv_from_rgb, skimage.color.rgb2yuv, 1e-8, "Poynton's scales to 6 digits, as in scikit-image to 8"),
        # scikit-image's matrix is older than the standard's, whose blue primary has Z = 0.9505 against 0.950227.
        (images.xyz_from_rgb, skimage.color.rgb2xyz, 3e-4, "IEC's matrix, 4 digits, against BT.709's, 6"),
        (images.lab_from_rgb, skimage.color.rgb2lab, 3e-2, "IEC's matrix, 4 digits, against BT.709's, 6"),
    ]
    for convert, oracle, tolerance, note in oracles:
        difference = np.abs(hwc(convert(colours)) - oracle(hwc(colours))).max()
        record_check(f"images.{convert.__name__}", f"scikit-image {oracle.__name__}", 4913, difference, tolerance, note)
    grey = np.abs(hwc(images.luma(colours))[..., 0] - skimage.color.rgb2yuv(hwc(colours))[..., 0]).max()
    record_check("images.luma", "scikit-image rgb2yuv", 4913, grey, 1e-12)
    lit = np.abs(hwc(images.luminance(colours))[..., 0] - skimage.color.rgb2xyz(hwc(colours))[..., 1]).max()
    record_check("images.luminance", "scikit-image rgb2xyz", 4913, lit, 1e-4, "weights to 4 digits against 6")


def test_colours_back_against_scikit_image(record_check):
    colours = hwc(all_colours())
    for convert, there, back in (
        (images.rgb_from_hsv, skimage.color.rgb2hsv, skimage.color.hsv2rgb),
        (images.rgb_from_yuv, skimage.color.rgb2yuv, skimage.color.yuv2rgb),
        (images.rgb_from_xyz, skimage.color.rgb2xyz, skimage.color.xyz2rgb),
        (images.rgb_from_lab, skimage.color.rgb2lab, skimage.color.lab2rgb),
    ):
        components = there(colours)
        ours = hwc(convert(torch.from_numpy(components.copy()).permute(2, 0, 1)[None]))
        # sRGB's slope at black is 12.92, which multiplies the matrices' 8e-5.
        tolerance = 1e-6 if "hsv" in back.__name__ or "yuv" in back.__name__ else 2e-3
        difference = np.abs(ours - back(components)).max()
        record_check(f"images.{convert.__name__}", f"scikit-image {back.__name__}", 4913, difference, tolerance)


def test_colours_against_opencv(record_check):
    colours = hwc(all_colours()).astype(np.float32)
    centre = np.array([0, 0.5, 0.5])
    oracles = [
        # OpenCV's scales of the colour differences have 3 digits: 0.492 and 0.877, 0.564 and 0.713.
        (images.yuv_from_rgb, cv2.cvtColor(colours, cv2.COLOR_RGB2YUV) - centre, 5e-4, "scales to 3 digits"),
        (
            images.ycbcr_from_rgb,
            (cv2.cvtColor(colours, cv2.COLOR_RGB2YCrCb) - centre)[..., [0, 2, 1]],
            5e-4,
            "scales to 3 digits",
        ),
        (images.hsv_from_rgb, cv2.cvtColor(colours, cv2.COLOR_RGB2HSV) / np.array([360, 1, 1]), 1e-5, "float32"),
        (images.lab_from_rgb, cv2.cvtColor(colours, cv2.COLOR_RGB2Lab), 0.05, "OpenCV interpolates the cube root"),
        (images.luma, cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)[..., None], 1e-6, "float32"),
    ]
    for convert, expected, tolerance, note in oracles:
        difference = np.abs(hwc(convert(all_colours().float())) - expected).max()
        record_check(f"images.{convert.__name__}", "OpenCV cvtColor", 4913, difference, tolerance, note)
    # OpenCV's XYZ takes linear values.
    linear = np.ascontiguousarray(hwc(images.linear_from_srgb(all_colours().float())))
    difference = np.abs(hwc(images.xyz_from_rgb(all_colours().float())) - cv2.cvtColor(linear, cv2.COLOR_RGB2XYZ)).max()
    record_check(
        "images.xyz_from_rgb", "OpenCV RGB2XYZ", 4913, difference, 3e-4, "IEC's matrix, 4 digits, against BT.709's, 6"
    )


def test_ycbcr_against_pillow(record_check):
    expected = np.asarray(Image.fromarray(RGB).convert("YCbCr"), dtype=np.float64) / 255 - np.array([0, 128, 128]) / 255
    difference = np.abs(hwc(images.ycbcr_from_rgb(images.from_array(RGB).double())) - expected).max()
    # Pillow truncates to whole levels: at most one level of 255.
    record_check("images.ycbcr_from_rgb", "Pillow YCbCr", expected.size, difference, 1 / 255 + 1e-6, "8-bit output")


def test_known_values():
    white, black, grey = (torch.full((1, 3, 1, 1), level, dtype=torch.float64) for level in (1.0, 0.0, 0.5))
    assert images.luminance(white).item() == pytest.approx(1, abs=1e-12)
    # (0.5 + 0.055) / 1.055 to the power 2.4, and L* of it.
    assert images.luminance(grey).item() == pytest.approx(0.214041, abs=1e-6)
    assert images.lab_from_rgb(grey).flatten().tolist() == pytest.approx([53.38896, 0, 0], abs=1e-5)
    assert images.lab_from_rgb(white).flatten().tolist() == pytest.approx([100, 0, 0], abs=1e-9)
    assert images.hsv_from_rgb(black).abs().sum() == 0
    assert images.hsv_from_rgb(grey).flatten().tolist() == [0, 0, 0.5]


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3))
@pytest.mark.parametrize(("there", "back"), PAIRS, ids=NAMES)
def test_there_and_back(there, back, colour):
    image = torch.tensor(colour, dtype=torch.float64).view(1, 3, 1, 1)
    # Rounding of float64, times the slopes of the roots; the two branches of sRGB meet within 1e-7 only (the
    # standard's rounded constants), and hue is dropped below a chroma of 1e-8.
    assert torch.allclose(back(there(image)), image, atol=2e-7)
    assert torch.allclose(back(there(image.float())), image.float(), atol=5e-6)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(-2, 2))
def test_whole_turns_of_hue_do_not_matter(hue, saturation, value, turns):
    hsv = torch.tensor([hue, saturation, value], dtype=torch.float64).view(1, 3, 1, 1)
    turned = hsv + torch.tensor([turns, 0, 0], dtype=torch.float64).view(1, 3, 1, 1)
    assert torch.allclose(images.rgb_from_hsv(hsv), images.rgb_from_hsv(turned), atol=1e-12)
    images.check_images(images.rgb_from_hsv(hsv))


@pytest.mark.parametrize(("there", "back"), PAIRS, ids=NAMES)
def test_gradients_are_finite_at_black_grey_white_and_corners(there, back, device):
    corners = [
        [0, 0, 0],
        [0.5, 0.5, 0.5],
        [1, 1, 1],
        [1, 0, 0],
        [0, 1, 1],
        [1e-9, 0, 0],
        [0, 1e-30, 1e-42],
        [0.3, 0.3, 0.3 + 1e-7],
    ]
    image = torch.tensor(corners, device=device).T.reshape(1, 3, 2, 4).requires_grad_()
    there(image).pow(2).sum().backward()
    assert torch.isfinite(image.grad).all()
    components = there(image.detach()).requires_grad_()
    back(components).pow(2).sum().backward()
    assert torch.isfinite(components.grad).all()


@pytest.mark.parametrize(("there", "back"), PAIRS, ids=NAMES)
def test_gradients_are_the_derivative(there, back):
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 3, 2, 2, generator=generator, dtype=torch.float64) * 0.8 + 0.1
    assert torch.autograd.gradcheck(there, image.requires_grad_())
    assert torch.autograd.gradcheck(back, there(image.detach()).requires_grad_())


@pytest.mark.parametrize("convert", [*[there for there, _ in PAIRS], images.luma, images.luminance])
def test_dtype_and_device_are_kept(convert, device):
    image = torch.rand(2, 3, 4, 5, device=device, generator=torch.Generator(device).manual_seed(1))
    for dtype, tolerance in ((torch.float16, 2e-3), (torch.bfloat16, 2e-2)):
        rounded = image.to(dtype)
        result = convert(rounded)
        assert result.dtype == dtype and result.device == rounded.device
        scale = 100 if convert is images.lab_from_rgb else 1
        assert torch.allclose(result.float(), convert(rounded.float()), atol=tolerance * scale)


def test_grey_is_its_own_luma():
    grey = torch.rand(2, 1, 4, 4)
    assert images.luma(grey) is grey
    three = grey.expand(-1, 3, -1, -1)
    assert torch.allclose(images.luma(three), grey, atol=1e-6)
    assert torch.allclose(images.luminance(three), images.luminance(grey), atol=1e-6)


class Conversions(torch.nn.Module):
    def forward(self, image):
        there = tuple(convert(image) for convert, _ in PAIRS)
        back = tuple(convert(components) for (_, convert), components in zip(PAIRS, there, strict=True))
        return (*there, *back, images.luma(image), images.luminance(image), images.resize(image, (20, 11)))


def test_onnx_gives_the_same_numbers(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    image = images.from_array(RGB)
    path = str(tmp_path / "colour.onnx")
    torch.onnx.export(Conversions().eval(), (image,), dynamo=True, verbose=False).save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    results = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    for ours, theirs in zip(Conversions()(image), results, strict=True):
        # float32 with two implementations of pow; Lab's scale is 100.
        assert np.allclose(ours.numpy(), theirs, atol=1e-5 * max(1.0, float(ours.abs().max())))
