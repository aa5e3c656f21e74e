"""The threshold lab without its widgets: two populations of scores, a threshold, and what it does, one to one and one to many."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.live.inputs import Number
from course_lib.recognition import curves
from course_lib.recognition.intervals import clopper_pearson
from course_lib.recognition.verification import Transferred, tar_at_far, transfer_threshold

SETTINGS: dict[str, Number] = {
    "gap": 3.0,
    "spread": 1.0,
    "genuine": 300,
    "impostor": 2000,
    "shift": 0.0,
    "threshold": 2.0,
    "far": 0.01,
    "gallery": 1000,
    "seed": 0,
}
"""What can be set, and where it starts: gap and spread in deviations of the impostors, numbers of pairs, a target."""

TEST_PAIRS = {"genuine": 3000, "impostor": 20_000}
"""Size of the simulated test split: large, so that what it shows is the threshold's fault and not its own."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one split.

    Attributes:
        genuine: (G,).
        impostor: (I,).
    """

    genuine: Float[Tensor, "g"]
    impostor: Float[Tensor, "i"]

    def joined(self) -> tuple[Float[Tensor, "n"], Bool[Tensor, "n"]]:
        """Both kinds in one tensor, and which of them are genuine."""
        scores = torch.cat([self.genuine, self.impostor])
        return scores, torch.arange(len(scores), device=scores.device) < len(self.genuine)


@dataclass(frozen=True)
class Rate:
    """A measured share with its 95 % Clopper–Pearson interval; all NaN where it is undefined."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, trials: int) -> "Rate":
        """The share of ``count`` in ``trials``."""
        low, high = clopper_pearson(torch.tensor(count), trials)
        return cls(count / trials, float(low), float(high))


@dataclass(frozen=True)
class Report:
    """Every number of the lab.

    Attributes:
        far: at the threshold.
        frr: at the threshold.
        eer: equal error rate; its interval takes the smaller kind of pairs as trials.
        eer_threshold: where it is.
        d_prime: d′.
        area: under the ROC.
        tar: TAR at the target FAR by the conservative rule, NaN where undefined.
        tar_threshold: its threshold.
        needed: impostor pairs that the target needs to be defined.
        transferred: that threshold on the test split; None where undefined.
        fpir: strangers named by a search in the gallery, at the threshold.
        tpir: enrolled people found first and above the threshold.
    """

    far: Rate
    frr: Rate
    eer: Rate
    eer_threshold: float
    d_prime: float
    area: float
    tar: Rate
    tar_threshold: float
    needed: int
    transferred: Transferred | None
    fpir: float
    tpir: float


@dataclass(eq=False)
class ThresholdExperiment:
    """Two populations and one threshold.

    Attributes:
        recorded: splits "development" and "test" of scores measured with a network, or None.
        source: "simulated" or "recorded".
        settings: as in ``SETTINGS``.
        development: the scores that are shown.
        test: the scores that a threshold is carried to.
        report: all numbers.
        kept: rows of the table.
    """

    recorded: Mapping[str, Scores] | None = None
    source: str = "simulated"
    settings: dict[str, Number] = field(default_factory=lambda: dict(SETTINGS))
    kept: list[dict[str, Number | str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Draws the scores and measures them."""
        self.set()

    def use(self, source: str) -> None:
        """Show simulated scores, or the recorded ones.

        Args:
            source: "simulated", or "recorded" where there is a record.

        Raises:
            ValueError: for another source.
        """
        known = ("simulated", "recorded") if self.recorded else ("simulated",)
        if source not in known:
            raise ValueError(f"source: expected one of {known}, got {source!r}")
        self.source = source
        self.set()

    def set(self, **settings: Number) -> None:
        """Change settings, draw again where they ask for it, and measure.

        Args:
            settings: some of ``SETTINGS``.

        Raises:
            ValueError: for an unknown setting, or a value outside its range.
        """
        if unknown := set(settings) - set(SETTINGS):
            raise ValueError(f"settings: expected some of {', '.join(SETTINGS)}, got {', '.join(sorted(unknown))}")
        chosen = self.settings | settings
        for name, low in (("spread", 0.01), ("genuine", 2), ("impostor", 2), ("gallery", 1)):
            if not chosen[name] >= low:
                raise ValueError(f"{name}: expected at least {low}, got {chosen[name]}")
        if not 0 < chosen["far"] <= 1:
            raise ValueError(f"far: expected a rate in (0, 1], got {chosen['far']}")
        self.settings = chosen
        self.development, self.test = self._split("development", 0.0), self._split("test", chosen["shift"])
        self.report = self._measured()

    def _split(self, name: str, shift: Number) -> Scores:
        if self.source == "recorded" and self.recorded:
            known = self.recorded[name]
            return Scores(known.genuine, known.impostor + shift)
        s = self.settings
        # a stream for each kind, so that more pairs of one leave the other as it was
        streams = [torch.Generator().manual_seed(4 * int(s["seed"]) + 2 * (name == "test") + kind) for kind in (0, 1)]
        sizes = TEST_PAIRS if name == "test" else {kind: int(s[kind]) for kind in TEST_PAIRS}
        genuine, impostor = (
            torch.randn(size, generator=stream, dtype=torch.float64)
            for size, stream in zip(sizes.values(), streams, strict=True)
        )
        return Scores(s["gap"] + s["spread"] * genuine, impostor + shift)

    def _measured(self) -> Report:
        scores, same = self.development.joined()
        genuine, impostor = self.development.genuine, self.development.impostor
        t, far = self.settings["threshold"], float(self.settings["far"])
        eer, at = curves.equal_error_rate(scores, same)
        few = min(len(genuine), len(impostor))
        low, high = clopper_pearson((eer * few).round().long(), few)
        tar = tar_at_far(scores, same, far)
        carried = transfer_threshold(scores, same, *self.test.joined(), far) if bool(tar.defined) else None
        fpir, tpir = self.search(torch.tensor([self.settings["gallery"]], dtype=torch.float64))
        return Report(
            Rate.of(int((impostor >= t).sum()), len(impostor)),
            Rate.of(int((genuine < t).sum()), len(genuine)),
            Rate(float(eer), float(low), float(high)),
            float(at),
            float(curves.d_prime(scores, same)),
            float(curves.area_under_roc(scores, same)),
            Rate(float(tar.tar), float(tar.low), float(tar.high)),
            float(tar.thresholds) if bool(tar.defined) else math.nan,
            math.ceil(1 / far - 1e-9),
            carried,
            float(fpir),
            float(tpir),
        )

    def search(self, sizes: Float[Tensor, "n"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """FPIR and TPIR (rank 1) in galleries of N people at the threshold, if all comparisons were independent.

        Both put the measured share of impostors at or above a score into (1 - share)^N: FPIR = 1 - (1 - FAR)^N, and
        TPIR is the mean over genuine scores from the threshold on of the chance that N - 1 strangers score lower.

        Args:
            sizes: (N,) galleries, ≥ 1.

        Returns:
            FPIR and TPIR, each (N,) in [0, 1].
        """
        genuine, impostor = self.development.genuine, self.development.impostor.sort().values
        t = torch.tensor([self.settings["threshold"]], dtype=impostor.dtype)
        far = curves.share_reaching(impostor, t)
        above = curves.share_reaching(impostor, genuine)
        wins = (1 - above[None]) ** (sizes[:, None] - 1)
        return 1 - (1 - far) ** sizes, (wins * (genuine >= t)).sum(1) / len(genuine)

    def roc(self, points: int = 121) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The ROC by the conservative rule, from the smallest FAR that the impostors can show to 1.

        Args:
            points: P.

        Returns:
            FAR, TAR, and the lower and upper limit of TAR, (P,) each.
        """
        least = -math.log10(len(self.development.impostor))
        far = torch.logspace(least, 0, points, dtype=torch.float64).clamp_max(1.0)
        found = tar_at_far(*self.development.joined(), far)
        return far, found.tar, found.low, found.high

    def histograms(self, bins: int = 60) -> tuple[list[float], list[float], list[float]]:
        """Edges (B+1) and the densities (B) of genuine and impostor scores, over the range of both."""
        scores, same = self.development.joined()
        low, high = (float(v) for v in scores.aminmax())
        edges = torch.linspace(low, high + 1e-9, bins + 1, dtype=torch.float64)
        parts = [scores[same].double(), scores[~same].double()]
        densities = [
            (part.histc(bins, low, high + 1e-9) / (len(part) * (edges[1] - edges[0]))).tolist() for part in parts
        ]
        return edges.tolist(), densities[0], densities[1]

    def keep(self) -> None:
        """Put the present state into the table."""
        self.kept.append(self.row())

    def row(self) -> dict[str, Number | str]:
        """Settings and numbers of the present state, flat."""
        r, t = self.report, self.report.transferred
        return {
            "source": self.source, **self.settings,
            "measured_far": r.far.value, "far_low": r.far.low, "far_high": r.far.high,
            "frr": r.frr.value, "frr_low": r.frr.low, "frr_high": r.frr.high,
            "eer": r.eer.value, "d_prime": r.d_prime, "area": r.area, "tar_at_far": r.tar.value,
            "tar_low": r.tar.low, "tar_high": r.tar.high, "test_far": t.far if t else math.nan,
            "test_tar": t.tar if t else math.nan, "fpir": r.fpir, "tpir": r.tpir,
        }  # fmt: skip

    def csv(self) -> str:
        """Kept rows and the present state as CSV, with the mark that tells spreadsheets that it is UTF-8."""
        rows = [*self.kept, self.row()]
        file = io.StringIO()
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        return "\ufeff" + file.getvalue()
