"""Cost against fleet size as an SVG picture: lines on two logarithmic axes, each named at its end."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 860, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 650, 40, 420
_COLORS: Final = ("#0b6e4f", "#1f5fbf", "#8a3ffc", "#c2410c", "#0e7490", "#57534e", "#7a5c00")
_APART: Final = 18
"""Names are at least so many pixels apart."""


def plot(lines: Mapping[str, Points], *, title: str, x: str, y: str) -> str:
    """Draw lines of positive points [(x, y)], by name."""
    every = [point for points in lines.values() for point in points]
    across = _decades([at for at, _ in every])
    up = _decades([value for _, value in every])
    body = [*_grid(across, up), *_drawn(lines, across, up)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="14" fill="#1c1917">'
    )
    middle = (_LEFT + _RIGHT) / 2
    names = [
        f'<text x="{_LEFT}" y="24" font-weight="bold">{escape(y)}</text>',
        f'<text x="{middle:.0f}" y="{_HEIGHT - 14}" text-anchor="middle">{escape(x)}</text>',
    ]
    ground = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", ground, *names, *body, "</svg>\n"])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten between which all values lie."""
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return low, max(high, low + 1)


def _place(value: float, decades: tuple[int, int], first: int, last: int) -> float:
    low, high = decades
    return first + (math.log10(value) - low) / (high - low) * (last - first)


def _grid(across: tuple[int, int], up: tuple[int, int]) -> Iterator[str]:
    for power in range(across[0], across[1] + 1):
        at = _place(10**power, across, _LEFT, _RIGHT)
        yield f'<path d="M{at:.1f} {_TOP}V{_BOTTOM}" stroke="#d6d3d1"/>'
        yield f'<text x="{at:.1f}" y="{_BOTTOM + 20}" text-anchor="middle">{10**power:,}</text>'
    for power in range(up[0], up[1] + 1):
        at = _place(10.0**power, up, _BOTTOM, _TOP)
        yield f'<path d="M{_LEFT} {at:.1f}H{_RIGHT}" stroke="#d6d3d1"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 5:.1f}" text-anchor="end">{10.0**power:g}</text>'


def _drawn(lines: Mapping[str, Points], across: tuple[int, int], up: tuple[int, int]) -> Iterator[str]:
    ends = []
    for number, (name, points) in enumerate(lines.items()):
        color = _COLORS[number % len(_COLORS)]
        places = [(_place(at, across, _LEFT, _RIGHT), _place(value, up, _BOTTOM, _TOP)) for at, value in sorted(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>' for x, y in places)
        ends.append((places[-1][1], places[-1][0], name, color))
    below = -math.inf
    for y, x, name, color in sorted(ends):
        below = max(y, below + _APART)
        yield f'<path d="M{x + 5:.1f} {y:.1f}L{_RIGHT + 8} {below:.1f}" stroke="{color}" stroke-dasharray="2 3"/>'
        yield f'<text x="{_RIGHT + 12}" y="{below + 5:.1f}" fill="{color}">{escape(name)}</text>'
