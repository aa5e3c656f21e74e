"""What a reader can move when building a face: every parameter of a person and of a picture, with range, unit and name."""

from dataclasses import dataclass

from course_lib.faces import IDENTITY, styles
from course_lib.faces.nuisance import BACKGROUNDS, CLOTHES, GLASSES, HATS, MASKS, OBJECTS
from course_lib.faces.params import SEX_SHIFT
from course_lib.i18n import Label
from course_lib.live.inputs import Number


@dataclass(frozen=True)
class Control:
    """One slider or, with ``options``, one choice.

    Attributes:
        name: of the parameter.
        label: glossary key or (English, Chinese).
        group: key of ``GROUPS``.
        low, high, step: of the slider, in ``unit``.
        unit: as shown.
        options: labels of a choice; its value is an index.
    """

    name: str
    label: Label
    group: str
    low: Number = 0.0
    high: Number = 1.0
    step: Number = 0.02
    unit: Label = ""
    options: tuple[Label, ...] = ()


GROUPS: dict[str, Label] = {
    "head": ("Head and jaw", "头部与下颌"),
    "eyes": ("Eyes and brows", "眼睛与眉毛"),
    "nose": ("Nose", "鼻子"),
    "mouth": ("Mouth", "嘴"),
    "edge": ("Ears, hairline, neck", "耳朵、发际线与颈部"),
    "skin": ("Skin, age, eye colour", "皮肤、年龄与瞳色"),
    "hair": ("Hair and beard", "头发与胡须"),
    "pose": ("Pose and expression", "姿态与表情"),
    "light": ("Light and camera", "光照与相机"),
    "worn": ("Worn and held", "穿戴与手持"),
}
"""Groups of controls; the first seven belong to the person, the rest to the picture."""

PERSON = tuple(GROUPS)[:7]

_ANATOMY = {
    "head": (
        "face_width", "jaw_width", "jaw_angle", "chin_width", "chin_drop", "chin_forward", "forehead_forward", "temple",
        "cheekbone", "cheekbone_width", "cheek_fat", "fat",
    ),
    "eyes": (
        "eye_x", "eye_y", "eye_width", "eye_height", "eye_tilt", "socket_depth", "lid_fold", "iris_radius", "brow_height",
        "brow_arch", "brow_thickness", "brow_density", "brow_slope", "brow_ridge", "brow_inner",
    ),
    "nose": (
        "nose_length", "nose_height", "nose_width", "bridge_width", "bridge_height", "nose_tip", "nose_tip_lift",
        "nose_hump",
    ),
    "mouth": ("mouth_y", "mouth_width", "upper_lip", "lower_lip", "lip_forward", "cupid"),
    "edge": ("ear_size", "ear_out", "hairline", "recession", "widow_peak", "neck_width"),
}  # fmt: skip

STYLE_NAMES: dict[str, Label] = {
    "short": ("short", "短发"), "crop": ("cropped", "寸头"), "long": ("long", "长发"), "bob": ("bob", "波波头"),
    "tied": ("tied back", "束发"), "bald": ("bald", "光头"), "sides": ("sides only", "仅两侧"), "fringe": ("fringe", "齐刘海"),
    "wavy": ("long, wavy", "长波浪"), "curly": ("curly", "短卷发"), "afro": ("afro", "非洲式卷发"), "quiff": ("quiff", "背头"),
    "side_part": ("side parting", "侧分"), "curly_long": ("long, curly", "长卷发"),
}  # fmt: skip
COLOUR_NAMES: tuple[Label, ...] = (
    ("black", "黑"), ("dark brown", "深棕"), ("brown", "棕"), ("light brown", "浅棕"), ("dark blond", "深金"),
    ("blond", "金"), ("red", "红"), ("grey", "灰"), ("white", "白"),
)  # fmt: skip
EYE_NAMES: tuple[Label, ...] = (
    ("dark brown", "深棕"), ("brown", "棕"), ("hazel", "榛"), ("green", "绿"), ("blue", "蓝"), ("grey", "灰"),
)  # fmt: skip
WORN_NAMES: dict[str, Label] = {
    "none": ("none", "无"), "thin": ("thin rims", "细框"), "thick": ("thick rims", "粗框"), "half_rim": ("half rims", "半框"),
    "round": ("round", "圆框"), "sunglasses": ("sunglasses", "墨镜"), "beanie": ("beanie", "毛线帽"), "cap": ("cap", "鸭舌帽"),
    "headscarf": ("headscarf", "头巾"), "headband": ("headband", "发带"), "surgical": ("surgical mask", "外科口罩"),
    "cloth": ("cloth mask", "布口罩"), "scarf": ("scarf", "围巾"), "hand": ("hand", "手"), "microphone": ("microphone", "话筒"),
    "block": ("grey block", "灰色方块"), "cup": ("cup", "杯子"), "t-shirt": ("T-shirt", "T 恤"), "v-neck": ("V-neck", "V 领"),
    "shirt": ("shirt", "衬衫"), "jacket": ("jacket", "外套"), "striped": ("stripes", "条纹衫"), "tie": ("tie", "领带"),
}  # fmt: skip


def _named(names: tuple[str, ...], known: dict[str, Label]) -> tuple[Label, ...]:
    return tuple(known.get(name, (name.replace("_", " "), name)) for name in names)


def _anatomy() -> list[Control]:
    group_of = {name: group for group, names in _ANATOMY.items() for name in names}
    found = []
    for name, (mean, sigma, unit) in IDENTITY.items():
        step = 0.01 if sigma < 0.5 else 0.05
        reach = 2.4 * sigma + abs(SEX_SHIFT.get(name, 0.0))
        low, high = (round((mean + side * reach) / step) * step for side in (-1, 1))
        group = group_of.get(name, "head")
        shown = {"z": ("σ", "σ")}.get(unit, unit)
        found.append(Control(name, f"anatomy_{name}", group, round(low, 4), round(high, 4), step, shown))
    return found


_SKIN = [
    Control("tone", ("Skin tone, light to dark", "肤色，由浅到深"), "skin"),
    Control("age", ("Age", "年龄"), "skin", 18, 80, 1, ("years", "岁")),
    Control("feminine", ("Sex-linked shifts, masculine to feminine", "性别相关偏移，男性到女性"), "skin", step=0.05),
    Control("freckles", ("Freckles", "雀斑"), "skin"),
    Control("blotch", ("Uneven colour", "肤色不均"), "skin", 0, 1.6),
    Control("shine", ("Shine", "皮肤光泽"), "skin", 0, 1.6),
    Control("iris", ("Eye colour", "瞳色"), "skin", options=EYE_NAMES),
]
_HAIR = [
    Control("style", ("Hair style", "发型"), "hair", options=_named(styles.STYLES, STYLE_NAMES)),
    Control("hair_code", ("Hair colour", "发色"), "hair", options=COLOUR_NAMES),
    Control("hair_volume", ("Volume", "发量"), "hair", 0.5, 1.9, 0.05, "×"),
    Control("parting", ("Parting", "分缝位置"), "hair", -0.75, 0.75, 0.05),
    Control("fringe", ("Strands over the forehead", "额前碎发"), "hair", 0, 1, 0.05),
    Control("beard", ("Beard", "络腮胡"), "hair", 0, 0.95, 0.05),
    Control("moustache", ("Moustache", "小胡子"), "hair", 0, 0.95, 0.05),
    Control("stubble", ("Stubble", "胡茬"), "hair", 0, 0.7, 0.05),
    Control("lip_red", ("Red of the lips", "唇色"), "hair", 0, 1, 0.05),
    Control("make_up", ("Make-up", "妆容"), "hair", 0, 1, 0.05),
]
_PICTURE = [
    Control("yaw", "head_pose_yaw", "pose", -75, 75, 1, "°"),
    Control("pitch", "head_pose_pitch", "pose", -35, 35, 1, "°"),
    Control("roll", "head_pose_roll", "pose", -45, 45, 1, "°"),
    Control("smile", ("Smile", "微笑"), "pose", -0.1, 1, 0.05),
    Control("mouth_open", ("Mouth open", "张嘴"), "pose", 0, 1, 0.05),
    Control("eyes_open", ("Eyes open", "睁眼"), "pose", 0, 1.25, 0.05),
    Control("brow_raise", ("Brows raised", "扬眉"), "pose", -0.3, 0.4, 0.02, "cm"),
    Control("frown", ("Frown", "皱眉"), "pose", 0, 0.4, 0.02),
    Control("gaze_x", ("Gaze, sideways", "视线左右"), "pose", -0.36, 0.36, 0.02),
    Control("gaze_y", ("Gaze, up and down", "视线上下"), "pose", -0.16, 0.16, 0.02),
    Control("light_azimuth", ("Light from the side", "光的方位角"), "light", -90, 90, 2, "°"),
    Control("light_elevation", ("Light from above", "光的仰角"), "light", -30, 80, 2, "°"),
    Control("key", ("Key light", "主光强度"), "light", 0, 2, 0.05, "×"),
    Control("ambient", ("Ambient light", "环境光强度"), "light", 0, 0.8, 0.02, "×"),
    Control("warmth", ("Warmth", "色温偏暖"), "light", -0.3, 0.3, 0.02),
    Control("rim", ("Rim light", "轮廓光"), "light", 0, 0.6, 0.02),
    Control("distance", ("Distance of the camera", "相机距离"), "light", 30, 250, 5, "cm"),
    Control("exposure", ("Exposure", "曝光"), "light", 0.3, 2.4, 0.05, "×"),
    Control("defocus", ("Defocus", "失焦"), "light", 0, 1, 0.05),
    Control("sensor_noise", ("Sensor noise", "传感器噪声"), "light", 0, 0.06, 0.002),
    Control("compression", ("Compression", "压缩强度"), "light", 0, 1, 0.05),
    Control("background", ("Background", "背景编号"), "light", 0, BACKGROUNDS - 1, 1),
    Control("glasses", ("Glasses", "眼镜"), "worn", options=_named(GLASSES, WORN_NAMES)),
    Control("hat", ("Hat", "帽子"), "worn", options=_named(HATS, WORN_NAMES)),
    Control("mask", ("Mask", "口罩"), "worn", options=_named(MASKS, WORN_NAMES)),
    Control("object", ("Held in front", "面前的物体"), "worn", options=_named(OBJECTS, WORN_NAMES)),
    Control("cloth_style", ("Clothes", "衣着"), "worn", options=_named(CLOTHES, WORN_NAMES)),
]

CONTROLS: dict[str, Control] = {c.name: c for c in [*_anatomy(), *_SKIN, *_HAIR, *_PICTURE]}
"""Every control by the name of its parameter, group by group."""
