"""Small lines in cells: a course of values and its limit as the points of an SVG, drawn without a script."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 120, 28
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Sparkline:
    """points: of a polyline in a box of 120 × 28; limit_y: where the limit is, None = there is none."""

    points: str
    limit_y: float | None


def sparkline(values: Sequence[float], limit: float | None) -> Sparkline | None:
    """None of fewer than two values. The scale begins at 0, and the limit is always on it."""
    if len(values) < 2:
        return None
    top = max(*values, limit or 0) or 1.0
    room = HEIGHT - 2 * _MARGIN

    def y(value: float) -> float:
        return round(_MARGIN + room * (1 - value / top), 1)

    step = WIDTH / (len(values) - 1)
    points = " ".join(f"{round(at * step, 1)},{y(value)}" for at, value in enumerate(values))
    return Sparkline(points, None if limit is None else y(limit))
