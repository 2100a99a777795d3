"""The growth of cost with backlog as an SVG 1.1 document; both axes logarithmic: what is linear is a diagonal."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor, log10

Place = Callable[[float, float], tuple[float, float]]
Points = Sequence[tuple[int, float]]
"""Events before a process, and seconds of processor time for all of them."""

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 170, 20, 50
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37")


def drawn(lines: Mapping[str, Points]) -> str:
    """One line a name, and beside the first a dashed one that is exactly linear."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    left, right = log10(min(xs)), log10(max(xs))
    low, high = floor(log10(min(ys))), ceil(log10(max(ys)))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            round(_LEFT + (log10(x) - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT), 1),
            round(_HEIGHT - _BOTTOM - (log10(y) - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1),
        )

    parts = [_axis(place, sorted(set(xs)), low, high)]
    first = next(iter(lines.values()))
    (x, y), end = first[0], first[-1][0]
    parts.append(_path([place(x, y), place(end, y * end / x)], "#8c959f", dashed=True))
    for (name, points), colour in zip(lines.items(), _COLOURS, strict=False):
        placed = [place(x, y) for x, y in points]
        parts.append(_path(placed, colour))
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in placed]
        parts.append(_text(placed[-1][0] + 8, placed[-1][1] + 4, name, colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        f' font-size="12"><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _axis(place: Place, xs: Sequence[int], low: int, high: int) -> str:
    marks = []
    for exponent in range(low, high + 1):
        (x, y), (end, _) = place(xs[0], 10.0**exponent), place(xs[-1], 10.0**exponent)
        marks.append(f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}" stroke="#d8dee4"/>')
        marks.append(_text(x - 8, y + 4, f"{10.0**exponent:g} s", anchor="end"))
    for count in xs:
        x, y = place(count, 10.0**low)
        marks.append(f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{y}" stroke="#d8dee4"/>')
        marks.append(_text(x, y + 18, f"{count:,}", anchor="middle"))
    marks.append(_text(_LEFT, _HEIGHT - 12, "events before it; processor time for all of them; dashed: linear"))
    return "".join(marks)


def _path(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    drawn = " ".join(f"{x},{y}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _text(x: float, y: float, words: str, colour: str = "#57606a", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{words}</text>'
