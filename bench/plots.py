"""Lines on logarithmic axes, as SVG, in a few lines of our own: a library would be the bench's only dependency."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bench.goals import value_of, verdict
from bench.results import Result
from bench.row import CLIENTS, Row
from bench.row import NAMES as DATABASE_NAMES
from bench.rows import ROWS

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 80, 230, 50, 60
COLOURS = {
    "Ullage": "#0b6e4f",
    "reference": "#b3261e",
    "unfinished": "#b3261e",
    "floor": "#6b6b6b",
    "must": "#c77700",
    "aim": "#2a62b8",
}
DASHES = {"floor": "2 4", "must": "8 4", "aim": "3 3"}

NAMES = {
    "latency.svg": "Search latency against the number of providers",
    "wide.svg": "Search latency against the number of groups on a wide tree",
    "claims-sqlite.svg": "Claims a second against clients on SQLite",
    "claims-postgresql.svg": "Claims a second against clients on PostgreSQL",
    "claims-mariadb.svg": "Claims a second against clients on MariaDB",
}
"""File -> what the plot shows."""

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one thing; `role` is one of COLOURS."""

    label: str
    role: str
    points: Points


def draw(results: Mapping[str, Result]) -> dict[str, str]:
    """The plots for which there are points, by file name."""
    flat = [(float(size), f"flat-{size}") for size in (1_000, 10_000, 100_000, 1_000_000)]
    wide = [(float(count), f"wide-8-groups-{count}") for count in range(1, 9)]
    plots = {
        "latency.svg": ("providers", "median of an answer, ms", _lines(flat, results, "the same bytes, static")),
        "wide.svg": ("groups", "median of an answer, ms", _lines(wide, results, "the same bytes, static")),
    }
    for database in DATABASE_NAMES:
        names = [(float(clients), f"claims-{database}-{clients}") for clients in CLIENTS]
        floor = "answered 204 at once" if database == "sqlite" else "pgbench, transactions/s"
        plots[f"claims-{database}.svg"] = ("clients", "claims/s", _lines(names, results, floor))
    return {name: svg(NAMES[name], x, y, lines) for name, (x, y, lines) in plots.items() if lines}


def _lines(names: Sequence[tuple[float, str]], results: Mapping[str, Result], floor: str) -> list[Line]:
    rows = {row.name: row for row in ROWS}
    ours, theirs, more, floors, musts, aims = (list[tuple[float, float]]() for _ in range(6))
    for x, name in names:
        if name not in results:
            continue
        for points, figures in ((ours, "ullage"), (theirs, "reference"), (floors, "floor")):
            _add(points, x, value_of(getattr(results[name], figures)))
        _add(more, x, _given_ms(rows[name], results))
        judged = verdict(rows[name], results)
        if judged is not None:
            _add(musts, x, judged.must)
            _add(aims, x, judged.aim)
    lines = [Line("Ullage", "Ullage", ours), Line("reference", "reference", theirs)]
    lines += [Line("reference: not within", "unfinished", more), Line(floor, "floor", floors)]
    lines += [Line("must reach", "must", musts), Line("aims at", "aim", aims)]
    return [line for line in lines if line.points] if ours else []


def _given_ms(row: Row, results: Mapping[str, Result]) -> float | None:
    """How long the reference was given for a question that it did not answer, or for an easier one."""
    if row.unit != "ms":
        return None
    other = results.get(row.stands_for)
    figures = results[row.name].reference or (other.reference if other else None) or {}
    return 1000 * figures["not_within"] if figures.get("not_within") and not value_of(figures) else None


def _add(points: Points, x: float, y: float | None) -> None:
    if y:
        points.append((x, y))


def svg(title: str, x_label: str, y_label: str, lines: Sequence[Line]) -> str:
    """A plot of lines with positive coordinates, both axes logarithmic."""
    frame = _Frame([point for line in lines for point in line.points])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 28, title, size=17),
        *frame.grid(),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label, anchor="middle"),
        f'<text transform="translate(20 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle" '
        f'fill="#222">{escape(y_label)}</text>',
    ]
    for number, line in enumerate(lines):
        parts += frame.line(line)
        parts += _legend(line, TOP + 16 + 24 * number)
    return "\n".join([*parts, "</svg>\n"])


def _legend(line: Line, y: float) -> list[str]:
    x = WIDTH - RIGHT + 18
    mark = f'<line x1="{x}" y1="{y - 4}" x2="{x + 28}" y2="{y - 4}" {_stroke(line.role)}/>'
    if line.role == "unfinished":
        mark = _triangle(x + 14, y - 4)
    return [mark, _text(x + 36, y, line.label)]


def _triangle(x: float, y: float, title: str = "") -> str:
    """Points upwards: the truth is somewhere above."""
    corners = f"{x - 6:.1f},{y + 5:.1f} {x + 6:.1f},{y + 5:.1f} {x:.1f},{y - 6:.1f}"
    return f'<polygon points="{corners}" fill="{COLOURS["unfinished"]}"><title>{escape(title)}</title></polygon>'


def _stroke(role: str) -> str:
    dash = f' stroke-dasharray="{DASHES[role]}"' if role in DASHES else ""
    return f'stroke="{COLOURS[role]}" stroke-width="2" fill="none"{dash}'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222">{escape(text)}</text>'


class _Frame:
    """From coordinates to places in the picture."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        xs, ys = [math.log10(x) for x, _ in points], [math.log10(y) for _, y in points]
        margin = max((max(xs) - min(xs)) * 0.05, 0.1)
        self._x_low, self._x_high = min(xs) - margin, max(xs) + margin
        self._y_low, self._y_high = math.floor(min(ys)), max(math.ceil(max(ys)), math.floor(min(ys)) + 1)
        self._xs = sorted({x for x, _ in points})

    def x(self, value: float) -> float:
        share = (math.log10(value) - self._x_low) / (self._x_high - self._x_low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (math.log10(value) - self._y_low) / (self._y_high - self._y_low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> list[str]:
        """A line at each ten and each 2 to 9 of it upwards, a mark at each measured point across."""
        parts = []
        for power in range(self._y_low, self._y_high + 1):
            for digit in range(1, 10):
                value = digit * 10.0**power
                if math.log10(value) > self._y_high + 1e-9:
                    break
                y, colour = self.y(value), "#bbb" if digit == 1 else "#eee"
                parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{colour}"/>')
            parts.append(_text(LEFT - 8, self.y(10.0**power) + 4, _short(10.0**power), anchor="end"))
        for value in self._xs:
            x = self.x(value)
            parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
            parts.append(_text(x, HEIGHT - BOTTOM + 20, _short(value), anchor="middle"))
        return parts

    def line(self, line: Line) -> list[str]:
        """Its points and what joins them, each with a title that says the figures."""
        places = [(self.x(x), self.y(y)) for x, y in line.points]
        if line.role == "unfinished":
            return [_triangle(x, y, line.label) for x, y in places]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts = [f'<polyline points="{joined}" {_stroke(line.role)}/>']
        for (x, y), (at, value) in zip(places, line.points, strict=True):
            title = escape(f"{line.label}: {_short(value)} at {_short(at)}")
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[line.role]}"><title>{title}</title></circle>'
            )
        return parts


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
