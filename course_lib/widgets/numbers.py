"""Numbers as a reader sees them in a table: three digits, no computer notation."""

import math

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A number with ``digits`` significant digits: 12.3, 0.0456, 1.23·10⁻⁵.

    Args:
        value: any float.
        digits: significant digits.

    Returns:
        text; "–" for NaN, "∞" for infinity.
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits - 1}e}"
    mantissa, exponent = text.split("e")
    power = int(exponent)
    if value == 0:
        return "0"
    if -4 < power < 6:
        return f"{float(text):.{max(0, digits - 1 - power)}f}".replace("-", "−")
    return f"{mantissa}·10{str(power).translate(SUPERSCRIPTS)}".replace("-", "−")


def short(value: float) -> str:
    """A number for an axis: as ``number`` writes it, without zeros at the end."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "·" not in text else text


def is_small(value: float, clean: float) -> bool:
    """Whether a score differs by less than half a per cent from the clean image's."""
    return abs(value - clean) < 0.005 * abs(clean) or value == clean


def change(value: float, clean: float, low: float) -> str:
    """How a score differs from the clean image's: "×0.25" where ratios mean something, else "+1.5".

    Args:
        value: score now.
        clean: score of the clean image.
        low: smallest value the measure can have; ratios need 0 there.

    Returns:
        text; "=" for equal values, "≈" for a change that ``is_small``.
    """
    if value == clean:
        return "="
    if is_small(value, clean):
        return "≈"
    if low >= 0 and clean > 0:
        return f"×{number(value / clean, 3 if value > 0.1 * clean else 2)}"
    return ("+" if value > clean else "") + number(value - clean, 2)


def place(value: float, clean: float, low: float, high: float) -> float:
    """Where a score stands on its bar, 0 to 1.

    Usually the bar is the measure's range. Where the clean value would be lost at its lower end (a gradient's largest
    value belongs to a checkerboard, not to a face), or there is no largest value, v is drawn at v / (v + clean): the
    clean value is in the middle, twice as much at two thirds, and no value leaves the bar.

    Args:
        value: score to be placed (the clean one itself included).
        clean: score of the clean image.
        low: smallest value the measure can have.
        high: largest value the measure can have.

    Returns:
        position in [0, 1].
    """
    if math.isfinite(high) and (low == -high or (low == 0 and not 0 < clean < 0.05 * high)):
        position = (value - low) / (high - low)
    elif value == clean == 0:
        position = 0.0 if low >= 0 else 0.5
    elif low >= 0:
        position = value / (value + clean)
    else:  # signed: zero is in the middle
        position = 0.5 + 0.5 * value / (abs(value) + abs(clean))
    return min(1.0, max(0.0, position))
