"""Data sets of rendered faces: people never shared between splits, cached on disk, safe to interrupt or to run twice at once."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset

from course_lib.faces.nuisance import sample_nuisance
from course_lib.faces.occluders import SUNGLASSES
from course_lib.faces.params import FaceParams, NuisanceParams, another_day, concatenate, sample_identities
from course_lib.faces.render import render
from course_lib.faces.rendered import Rendered

SPLITS = ("train", "validation", "test")

DISK_LIMIT = 4_000_000_000
"""Bytes that all cached sets together may take; the least recently used ones go first. ``COURSE_CACHE_BYTES`` replaces it."""

_BLOCK = 10
_VERSION = ""
"""To be changed with any change of this file that alters pictures or truth: this file is not part of the key."""

_KEPT = (
    "landmarks",
    "points",
    "visible",
    "box",
    "yaw",
    "pitch",
    "roll",
    "eye_openness",
    "mouth_opening",
    "occlusion",
    "light",
)


@dataclasses.dataclass(frozen=True)
class FaceSettings:
    """What a data set is made of; equal settings mean equal data.

    Attributes:
        identities: how many people.
        per_identity: pictures of each.
        split: "train", "validation" or "test"; people of different splits differ.
        seed: of everything.
        size, supersample, extent: as in ``render``.
        days: looks per person; pictures are spread over them evenly. 1 keeps the look.
        yaw, pitch, roll, light, expression, occlusion, camera, crop: as in ``sample_nuisance``.
        glasses: probability that a person wears glasses on a day; they are the same in all pictures of that day.
        spectacles: variety of how glasses sit: at 1 their lenses reach from the lids to far down the cheeks, their outer corners
            are level or swept up, and what is worn is darker; at 0 all are centred on the eyes.
        spread: as in ``sample_identities``; a little above the population's, so that 64 pixels suffice to tell people apart.
        labels: whether the part labels are kept too.
        foreground: whether a mask of head and things in front of it is kept too, for other backgrounds.
    """

    identities: int = 100
    per_identity: int = 10
    split: str = "train"
    seed: int = 0
    size: int = 64
    supersample: int = 1
    extent: float | int = 22.0
    days: int = 1
    yaw: float | int = 40.0
    pitch: float | int = 15.0
    roll: float | int = 10.0
    light: float | int = 1.0
    expression: float | int = 1.0
    occlusion: float | int = 0.0
    camera: float | int = 0.0
    crop: float | int = 1.0
    glasses: float | int = 0.0
    spectacles: float | int = 0.0
    spread: float | int = 1.35
    labels: bool = False
    foreground: bool = False

    def key(self) -> str:
        """Name of the cache folder: a hash of the settings and of the renderer's own source."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True) + _renderer_version() + _VERSION
        return hashlib.sha256(text.encode()).hexdigest()[:20]


@functools.cache
def _renderer_version() -> str:
    # A changed renderer must not serve yesterday's faces. What cannot change a picture is left out.
    folder = Path(__file__).parent
    content = b"".join(
        p.read_bytes() for p in sorted(folder.glob("*.py")) if p.name not in ("dataset.py", "scenes.py", "__init__.py")
    )
    return hashlib.sha256(content).hexdigest()


def cache_folder() -> Path:
    """Where rendered sets are kept: ``COURSE_CACHE`` if set, else the user's cache directory on this system."""
    chosen = os.environ.get("COURSE_CACHE")
    if chosen:
        return Path(chosen) / "faces"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "seeing-faces" / "faces"


class FaceDataset(Dataset):
    """Rendered faces with truth, made on first use and read from the cache afterwards.

    An item is a dict: ``image`` (3, S, S) float in [0, 1], ``identity`` and ``day`` (int64), ``landmarks`` (68, 2), ``points`` (5, 2),
    ``visible`` (68,), ``box`` (4,), ``yaw``, ``pitch``, ``roll``, ``eye_openness`` (2,), ``mouth_opening``, ``occlusion``,
    ``light`` (6,) and, where the settings ask for them, ``labels`` (S, S) and ``foreground`` (S, S) uint8, 1 on the figure.

    Args:
        settings: FaceSettings, or none for the default.
        progress: called with (blocks done, blocks) while rendering; a bar on the terminal when None.
        changes: fields of FaceSettings to change, for short calls: ``FaceDataset(identities=300, split="test")``.

    Raises:
        ValueError: for an unknown split or an empty set.
    """

    def __init__(
        self, settings: FaceSettings | None = None, progress: Callable[[int, int], Any] | None = None, **changes: Any
    ):
        self.settings = dataclasses.replace(settings or FaceSettings(), **changes)
        s = self.settings
        if s.split not in SPLITS:
            raise ValueError(f"split is {s.split!r}; it should be one of {', '.join(SPLITS)}")
        if s.identities < 1 or s.per_identity < 1 or s.days < 1:
            raise ValueError(
                f"identities is {s.identities}, per_identity {s.per_identity}, days {s.days}; each should be at least 1"
            )
        self.folder = cache_folder() / s.key()
        self.tensors = self._load(progress or _bar)

    def __len__(self) -> int:
        return self.settings.identities * self.settings.per_identity

    def __getitem__(self, item: int) -> dict[str, Tensor]:
        values = {name: tensor[item] for name, tensor in self.tensors.items()}
        values["image"] = values["image"].float() / 255
        if "labels" in values:
            values["labels"] = values["labels"].long()
        return values

    @property
    def images(self) -> Tensor:
        """(N, 3, S, S) uint8, all pictures."""
        return self.tensors["image"]

    @property
    def identities(self) -> Tensor:
        """(N,) int64 person of each picture."""
        return self.tensors["identity"]

    def _load(self, progress: Callable[[int, int], Any]) -> dict[str, Tensor]:
        blocks = -(-self.settings.identities // _BLOCK)
        parts = []
        made = False
        for block in range(blocks):
            path = self.folder / f"block-{block:05d}.safetensors"
            part = _read(path)
            if part is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                # Two processes take turns block by block: the second finds the block that the first has made.
                with FileLock(str(path) + ".lock"):
                    part = _read(path)
                    if part is None:
                        made = True
                        part = render_block(self.settings, block)
                        _write(path, part)
                progress(block + 1, blocks)
            parts.append(part)
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.folder)
        if made:
            prune(keep=self.folder)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def people(settings: FaceSettings, block: int) -> list[FaceParams]:
    """The people of a block, once per day: every list entry has the same anatomy in the same order."""
    count = min(_BLOCK, settings.identities - block * _BLOCK)
    generator = torch.Generator().manual_seed(_seed(settings, block, 0))
    first = sample_identities(count, generator, spread=settings.spread)
    return [first, *(another_day(first, generator) for _ in range(settings.days - 1))]


def render_block(settings: FaceSettings, block: int) -> dict[str, Tensor]:
    """Renders a block of people: tensors as in ``FaceDataset``, images and labels as uint8."""
    s = settings
    looks = people(s, block)
    count = len(looks[0])
    generator = torch.Generator().manual_seed(_seed(s, block, 1))
    ranges = {
        name: getattr(s, name)
        for name in ("yaw", "pitch", "roll", "light", "expression", "occlusion", "camera", "crop")
    }
    nuisance = sample_nuisance(count * s.per_identity, generator, **ranges)
    person = torch.arange(count).repeat_interleave(s.per_identity)
    day = torch.arange(s.per_identity).repeat(count) * s.days // s.per_identity
    if s.glasses > 0:
        nuisance = _wear_glasses(nuisance, day * count + person, count * s.days, s.glasses, generator)
    if s.spectacles > 0:
        nuisance = _fit_spectacles(nuisance, s.spectacles, generator)
    out = render(
        concatenate(looks),
        nuisance,
        index=day * count + person,
        size=s.size,
        supersample=s.supersample,
        extent=s.extent,
    )
    packed = _pack(out, person + block * _BLOCK, day)
    if s.labels:
        packed["labels"] = out.labels.byte()
    if s.foreground:
        packed["foreground"] = ((out.depth > 0) | out.occluder).byte()
    return packed


def _wear_glasses(
    nuisance: NuisanceParams, look: Tensor, looks: int, probability: float | int, generator: torch.Generator
) -> NuisanceParams:
    """Pictures in which each look (person and day) has its own glasses or none; whoever has some already keeps those."""
    drawn = sample_nuisance(looks, generator, glasses=probability)
    clear = torch.where(drawn["glasses"] == SUNGLASSES, 1, drawn["glasses"])[look]
    free = nuisance["glasses"] == 0
    colour = torch.where((free & (nuisance["hat"] == 0))[:, None], drawn["worn_colour"][look], nuisance["worn_colour"])
    size = torch.where(free, drawn["glasses_size"][look], nuisance["glasses_size"])
    return nuisance.replace(
        glasses=torch.where(free, clear, nuisance["glasses"]), glasses_size=size, worn_colour=colour
    )


def _fit_spectacles(nuisance: NuisanceParams, variety: float | int, generator: torch.Generator) -> NuisanceParams:
    """Pictures in which glasses sit lower and sweep upwards. All that is worn has one colour: without a hat it is darker."""
    drop, sweep, dark = torch.rand(3, len(nuisance), generator=generator) * variety
    frame = nuisance["worn_colour"] * torch.where(nuisance["hat"] == 0, 1 - 0.95 * dark, 1.0)[:, None]
    return nuisance.replace(glasses_drop=1.3 * drop, glasses_sweep=1.4 * sweep - 0.2 * variety, worn_colour=frame)


def _pack(out: Rendered, person: Tensor, day: Tensor) -> dict[str, Tensor]:
    packed = {name: getattr(out, name).contiguous() for name in _KEPT}
    packed |= {"image": (out.image * 255 + 0.5).byte().contiguous(), "identity": person, "day": day}
    return packed


def _seed(settings: FaceSettings, block: int, use: int) -> int:
    text = f"{settings.seed}/{settings.split}/{block}/{use}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def _read(path: Path) -> dict[str, Tensor] | None:
    if not path.is_file():
        return None
    try:
        return load_file(path)
    except Exception:  # a file damaged from outside is made again rather than trusted
        path.unlink(missing_ok=True)
        return None


def _write(path: Path, part: dict[str, Tensor]) -> None:
    # Readers see either no file or a whole one: a rename is atomic, a write is not.
    path.parent.mkdir(parents=True, exist_ok=True)  # another process may have made room in the meantime
    # The caller holds the block's lock, so what else is unfinished here was left by a process that was killed.
    for left in path.parent.glob(f"{path.stem}.*.tmp"):
        left.unlink(missing_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        save_file(part, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def prune(limit: int | None = None, keep: Path | None = None) -> int:
    """Removes the least recently used cached sets until the rest fits.

    A process that is at work on a set which goes makes the missing blocks again.

    Args:
        limit: bytes; ``COURSE_CACHE_BYTES`` or DISK_LIMIT when None.
        keep: a folder that stays whatever its size.

    Returns:
        Bytes that remain.
    """
    limit = int(os.environ.get("COURSE_CACHE_BYTES", DISK_LIMIT)) if limit is None else limit
    root = cache_folder()
    if not root.is_dir():
        return 0
    folders = sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime, reverse=True)
    total = 0
    for folder in folders:
        size = sum(f.stat().st_size for f in folder.glob("*") if f.is_file())
        if total + size > limit and folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            total += size
    return total


def _bar(done: int, blocks: int) -> None:
    if sys.stderr.isatty() or "ipykernel" in sys.modules:
        filled = 30 * done // blocks
        end = "\n" if done == blocks else ""
        print(f"\rfaces [{'#' * filled}{'.' * (30 - filled)}] {done}/{blocks}", end=end, file=sys.stderr, flush=True)
