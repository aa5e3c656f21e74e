"""Four small figures with every kind of input and output between them, on 48 px portraits."""

import functools

import torch

from course_lib import data, degrade, detection, images, live, quality
from course_lib.geometry import rotation_matrix
from course_lib.quality.face_reading import FaceReader

SIZE = 48
DEGRADATIONS = {record.key: record for record in degrade.degradations()}
FOCUS = [record for record in quality.measures() if record.family == "blur" and record.takes == "image"][:4]
ALT = ("A portrait beside bars of focus measures, all at their start.", "人像与聚焦评价函数的条形，均处于初始值。")
LEVELS = 32


@functools.cache
def portraits() -> dict:
    return {name: data.portrait(name, SIZE) for name in data.PORTRAITS}


def blurred(image, sigma, noise, kernel):
    box = torch.nn.functional.avg_pool2d(image, 5, 1, 2, count_include_pad=False)
    seen = torch.where(kernel == 0, degrade.gaussian_blur(image, sigma), box)
    seen = degrade.gaussian_noise(seen, noise, noise=live.noise(1, 3, SIZE, SIZE))
    return seen, torch.cat(list(quality.measure(seen, [record.name for record in FOCUS]).values()))


def blur_figure() -> live.Figure:
    return live.Figure(
        blurred,
        [
            live.Image("image", portraits(), label=("Portrait", "人像")),
            live.Slider.of(DEGRADATIONS["gaussian_blur"], "sigma"),
            live.Slider.of(DEGRADATIONS["gaussian_noise"], "noise"),
            live.Choice("kernel", [("Gaussian", "高斯"), ("Box", "均值")], label=("Kernel", "卷积核")),
        ],
        [live.Picture("seen"), live.Bars.of("scores", FOCUS)],
        title=("Blur the portrait", "模糊人像"),
        alt=ALT,
    )


def exposed(image, stops):
    seen = degrade.expose(image, stops)
    level = (seen * (LEVELS - 1)).round().long().flatten(2)[0]
    counts = torch.zeros(3, LEVELS).scatter_add(1, level, torch.ones_like(level, dtype=torch.float32))
    change = torch.stack([seen.mean() - image.mean(), (seen >= 0.98).float().mean()])
    return seen, counts / level.shape[1], change


def light_figure() -> live.Figure:
    curves = live.Curves(
        "histogram",
        torch.linspace(0, 1, LEVELS),
        [("Red", "红"), ("Green", "绿"), ("Blue", "蓝")],
        ("Intensity", "强度"),
        ("Share of pixels", "像素占比"),
        style="area",
        start=True,
        colours=["red", "green", "blue"],
    )
    change = live.Bars(
        "change", [("Brighter by", "变亮"), ("Clipped", "截断")], relative=False, limits=[(-1, 1), (0, 1)]
    )
    return live.Figure(
        exposed,
        [live.Image("image", portraits()["hopper"]), live.Slider.of(DEGRADATIONS["expose"], "stops")],
        [live.Picture("seen"), curves, change],
        title=("Exposure moves the histogram", "曝光移动直方图"),
        alt=("A portrait, its three histograms and two bars.", "人像、三条直方图曲线与两个条形，为初始状态。"),
    )


CORNERS = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
EDGES = [(a, b) for a in range(8) for b in range(a) if bin(a ^ b).count("1") == 1]
AXES = torch.tensor([[0.0, 0, 0], [1.6, 0, 0]])


def turned(yaw, pitch):
    matrix = rotation_matrix(yaw, pitch, torch.zeros_like(yaw))
    points = torch.cat([CORNERS, AXES]) @ matrix.mT
    flat = points * points.new_tensor([60, 60, 1]) + points.new_tensor([160, 160, 0])
    return flat, torch.stack([yaw, pitch]), matrix


def pose_figure() -> live.Figure:
    groups = [
        live.Group(EDGES, ("Box", "盒子"), "blue", 2),
        live.Group([(8, 9)], ("x", "x"), "red", 3, arrow=True),
    ]
    axes = [(name, name) for name in "xyz"]
    return live.Figure(
        turned,
        [live.Slider("yaw", -90, 90, 1, 20, unit="°"), live.Slider("pitch", -60, 60, 1, 0, unit="°")],
        [
            live.Wire("box", size=(320, 320), groups=groups, points=3, label=("A box", "盒子")),
            live.Readout("angles", ["yaw", "pitch"], units="°", decimals=1),
            live.Table("matrix", axes, axes, decimals=3, label=("Rotation matrix", "旋转矩阵")),
        ],
        title=("Two angles turn a box", "两个角度转动盒子"),
        alt=("A box of wires turned by 20 degrees, with its rotation matrix.", "转动 20 度的线框盒子与旋转矩阵。"),
    )


@functools.cache
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = (torch.nn.Conv2d(3, 64, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(64, 128, 3, 2), torch.nn.ReLU())
    return torch.nn.Sequential(
        *layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(128, 3)
    ).eval()


def judged(image, sigma, shift):
    seen = degrade.gaussian_blur(image, sigma)
    marks = torch.tensor([[16.0, 20.0], [30.0, 20.0], [23.0, 28.0]]) + shift
    sigmas = torch.linspace(0, 4, 9)
    falling = quality.sharpness.tenengrad(degrade.gaussian_blur(image.expand(9, -1, -1, -1), sigmas))
    return image, seen, marks, network()(seen)[0], (falling / falling[:1])[None]


def network_figure() -> live.Figure:
    curve = live.Curves(
        "falling",
        torch.linspace(0, 4, 9),
        ["tenengrad"],
        ("σ in pixels", "σ（像素）"),
        ("Share of the start", "相对初始值"),
        y_range=(0, 1.05),
        marker="sigma",
    )
    return live.Figure(
        judged,
        [
            live.Image("image", portraits()["astronaut"]),
            live.Slider("sigma", 0, 4, 0.1, 1, label="blur", unit="px"),
            live.Slider("shift", -5, 5, 1, 0, label=("Shift", "平移"), unit=("pixels", "像素")),
        ],
        [
            live.Picture("before", label="original_image"),
            live.Picture("after"),
            live.Wire("marks", edges=[(0, 1)], size=(SIZE, SIZE), over="before", points=1.5, label=("Eyes", "眼睛")),
            live.Bars("logits", [("A", "甲"), ("B", "乙"), ("C", "丙")], relative=False, limits=(-0.5, 0.5)),
            curve,
        ],
        title=("A network in a figure", "图中的网络"),
        alt=("Two portraits side by side, three bars and a falling curve.", "并排两幅人像、三个条形和一条下降的曲线。"),
    )


NAMES = ("blurred", "exposed", "turned", "judged")


@functools.cache
def figures() -> tuple[live.Figure, ...]:
    return blur_figure(), light_figure(), pose_figure(), network_figure()


def grey_figure() -> live.Figure:
    def brightness(image, stops):
        seen = degrade.expose(image, stops)
        return seen, seen.mean().reshape(1)

    return live.Figure(
        brightness,
        [live.Image("image", images.luma(portraits()["hopper"])), live.Slider.of(DEGRADATIONS["expose"], "stops")],
        [live.Picture("seen"), live.Bars("mean", ["brightness"], relative=False, limits=(0, 1))],
        title=("Grey", "灰度"),
        alt=("A grey portrait and a bar of its brightness.", "一幅灰度人像与表示亮度的条形。"),
    )


def face_figure() -> live.Figure:
    reader = FaceReader()

    def read(image, blur):
        seen = degrade.gaussian_blur(image, blur)
        score, points, numbers = reader(seen)
        found = score > detection.SURE
        away, gone = torch.where(found, 0.0, -1000.0), torch.where(found, 0.0, torch.nan)
        return seen, points[0] + away, numbers[0, :3] + gone, score

    return live.Figure(
        read,
        [
            live.Image("image", {name: data.portrait(name, 224) for name in data.PORTRAITS}),
            live.Slider.of(DEGRADATIONS["gaussian_blur"], "blur"),
        ],
        [
            live.Picture("seen"),
            live.Wire("face", edges=[(k, k + 1) for k in range(16)], size=(224, 224), over="seen"),
            live.Readout("angles", ["yaw", "pitch", "roll"], units="°", decimals=0, missing="no_face_found"),
            live.Bars("score", ["score"], relative=False, limits=(0, 1)),
        ],
        title=("Read a face", "读取人脸"),
        alt=(
            "A portrait with the line of its jaw, three angles and a score.",
            "一幅人像及其下颌线、三个角度与一个得分。",
        ),
        tolerance=1e-3,
    )


@functools.cache
def photo_figures() -> tuple[live.Figure, ...]:
    return blur_figure(), grey_figure(), face_figure()
