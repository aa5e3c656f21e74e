"""The cards of the trained networks, as tables for the book's appendix."""

import hashlib
import html
import json
from collections.abc import Iterator
from typing import Any

from course_lib.i18n import Label, data_root, language, say
from course_lib.reports import Table

Card = dict[str, Any]

FACTS: dict[str, Label] = {
    "network": ("network", "网络"),
    "parameters": ("parameters", "参数量"),
    "recipe": ("recipe", "配方"),
    "data": ("learnt from", "训练数据"),
    "seed": ("seed", "随机种子"),
    "steps": ("steps", "步数"),
    "cpu_minutes": ("CPU minutes", "CPU 分钟"),
    "device": ("device, precision", "设备、精度"),
    "date": ("date", "日期"),
    "licence": ("licence", "许可"),
    "sha256": ("SHA-256", "SHA-256"),
}
"""What every card states, in the order in which it is shown."""


def cards() -> dict[str, Card]:
    """Every card of data/weights with its measurements, by name; a card that is not filled in yet is left out."""
    found = {}
    for path in sorted((data_root() / "weights").glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        if "metrics" in card:
            found[path.stem] = card
    return found


def unchanged(name: str) -> bool:
    """Whether the weights on disk are the file that the card describes."""
    folder = data_root() / "weights"
    expected = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["sha256"]
    return hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).hexdigest() == expected


def title_of(card: Card) -> str:
    """The network's title in the reader's language; its name where it has none."""
    return str(card.get("title", {}).get(language(), card["name"]))


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return say(("yes", "是") if value else ("no", "否"))
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "−")
    return str(value)


def flat(metrics: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """The measurements of a card as (what, value, interval), whatever their nesting.

    A rate {"value", "low", "high"} is one row with its interval; items of a list go by their ``label``.
    """
    join = lambda name: f"{path} · {name}" if path else str(name)  # noqa: E731
    if isinstance(metrics, dict):
        if "value" in metrics:
            low, high = metrics.get("low"), metrics.get("high")
            yield path, _number(metrics["value"]), "" if low is None else f"[{_number(low)}, {_number(high)}]"
            return
        for name, part in metrics.items():
            if name != "label":
                yield from flat(part, join(name))
    elif isinstance(metrics, list) and any(isinstance(item, dict) for item in metrics):
        for k, item in enumerate(metrics):
            yield from flat(item, join(item.get("label", k)))
    else:
        listed = metrics if isinstance(metrics, list) else [metrics]
        yield path, ", ".join(map(_number, listed)), ""


def overview() -> Table:
    """All networks in one table: title, network, parameters, CPU minutes, kilobytes, whether the file is the card's."""
    head = [say(text) for text in (("name", "名称"), ("what it does", "用途"), FACTS["network"], FACTS["parameters"])]
    head += [say(FACTS["cpu_minutes"]), say(("kB", "kB")), say(("as on card", "一致"))]
    body = []
    for name, card in cards().items():
        size = (data_root() / "weights" / f"{name}.safetensors").stat().st_size / 1000
        parameters = f"{card['parameters']:,}".replace(",", "\u202f")
        row = [f"<code>{name}</code>", html.escape(title_of(card)), html.escape(card["network"]), parameters]
        body.append([*row, _number(card["cpu_minutes"]), f"{size:.0f}", _number(unchanged(name))])
    return Table(head, body, numbers=(3, 4, 5))


def facts(card: Card) -> Table:
    """What a network is and how it came to be, with the settings of its recipe."""
    body = []
    for key, title in FACTS.items():
        if key not in card:
            continue
        value = card[key][language()] if isinstance(card[key], dict) else card[key]
        value = html.escape(_number(value))
        if key == "device":
            value += f", {html.escape(str(card.get('precision', '')))}"
        body.append([say(title), f"<code>{value}</code>" if key in ("network", "recipe", "sha256") else value])
    settings = ", ".join(f"{key} = {_number(value)}" for key, value in card.get("settings", {}).items())
    versions = ", ".join(f"{key} {value}" for key, value in card.get("versions", {}).items())
    body.append([say(("settings", "设置")), f"<code>{html.escape(settings)}</code>"])
    body.append([say(("versions", "版本")), html.escape(versions)])
    return Table([html.escape(title_of(card)), ""], body)


def measurements(card: Card) -> Table:
    """Everything that was measured of a network, with intervals where the card has them."""
    what = f"{html.escape(title_of(card))}<br>{say(('measured', '测量项'))}"
    head = [what, say(("value", "数值")), say(("95 % interval", "95% 区间"))]
    rows = [
        [f"<code>{html.escape(what)}</code>", html.escape(value), interval]
        for what, value, interval in flat(card["metrics"])
    ]
    return Table(head, rows, numbers=(1, 2))
