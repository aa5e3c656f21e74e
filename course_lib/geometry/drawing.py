"""Pictures of poses with Matplotlib: the wire head at any angles, and the axis convention."""

from typing import Any

from course_lib.geometry.camera import project
from course_lib.geometry.rotations import rotation_matrix
from course_lib.geometry.wire import head_wire, wire_camera, wire_picture
from course_lib.i18n import say

__all__ = ["draw_convention", "draw_head"]

Degrees = float | int
LOOK = {"feature": ("#12355b", 1.5), "profile": ("#86a3bd", 0.9), "outline": ("#4f7a9e", 1.0), "skin": ("#a3b8ca", 0.7)}
AXES = (("x", "#c0392b"), ("y", "#1e8449"), ("z", "#6c3fc4"))


def draw_head(ax: Any, yaw: Degrees = 0.0, pitch: Degrees = 0.0, roll: Degrees = 0.0, *, axes: float = 0.0) -> None:
    """Draws the wire head at a pose.

    Args:
        ax: Matplotlib axes; they are turned into a picture frame (x right, y down, no ticks).
        yaw: degrees, positive to the left of the picture.
        pitch: degrees, positive down.
        roll: degrees, positive clockwise.
        axes: length in cm of the three axes of the head drawn from its origin; 0 draws none.
    """
    from matplotlib.collections import LineCollection

    head, size = head_wire(), 320
    rotation = rotation_matrix(float(yaw), float(pitch), float(roll))
    for hidden in (True, False):
        ends = wire_picture(rotation, size, hidden=hidden).view(-1, 2, 2).numpy()
        for group, (colour, width) in LOOK.items():
            lines = [line for line, name in zip(ends, head.groups, strict=True) if name == group]
            style = {"colors": "#e3e9ef", "linewidths": 0.5} if hidden else {"colors": colour, "linewidths": width}
            if not (hidden and group == "skin"):
                ax.add_collection(LineCollection(lines, capstyle="round", zorder=1 + (not hidden), **style))
    if axes:
        place, focal, middle = wire_camera(size)
        tips = rotation.new_tensor([[0, 0, 0], [axes, 0, 0], [0, axes, 0], [0, 0, axes]])
        origin, *heads = project(tips, rotation[None], rotation.new_tensor(place)[None], focal, (middle, middle))[
            0
        ].tolist()
        for (name, colour), tip in zip(AXES, heads, strict=True):
            ax.annotate("", tip, origin, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.8}, zorder=4)
            ax.annotate(name, tip, (4, 4), textcoords="offset points", color=colour, weight="bold", zorder=4)
    ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
    ax.set_frame_on(False)


def draw_convention() -> Any:
    """The figure that states the axis convention: the head straight, and at one positive angle of each kind.

    Returns:
        A Matplotlib figure with four panels, in the language of the edition.
    """
    import matplotlib.pyplot as plt

    panels = (
        (
            (0, 0, 0),
            (
                "straight: x to the person's\nown left, y down, z backwards",
                "正视：x 指向本人左侧，\ny 向下，z 指向脑后",
            ),
        ),
        ((30, 0, 0), ("yaw +30°: turned to\nthe person's own right", "偏航角 yaw +30°：\n转向本人右侧")),
        ((0, 25, 0), ("pitch +25°:\nlooking down", "俯仰角 pitch +25°：\n低头")),
        ((0, 0, 20), ("roll +20°:\nclockwise in the picture", "翻滚角 roll +20°：\n在画面中顺时针倾斜")),
    )
    figure, places = plt.subplots(1, 4, figsize=(12, 4), layout="constrained")
    for ax, (pose, title) in zip(places, panels, strict=True):
        draw_head(ax, *pose, axes=13.0)
        ax.set_title(say(title), fontsize=13)
    return figure
