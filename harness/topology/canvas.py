"""Shapes and words of an SVG drawing, and where words can stand without covering each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

Point = tuple[float, float]
_GLYPH = 0.53  # mean width of a letter of a sans-serif face, in heights
_LEADING = 1.25


@dataclass(frozen=True)
class Box:
    """A rectangle around ``centre``, in pixels."""

    centre: Point
    width: float
    height: float

    def shared(self, other: Box) -> float:
        """The area that both cover."""
        (x, y), (a, b) = self.centre, other.centre
        across = min(x + self.width / 2, a + other.width / 2) - max(x - self.width / 2, a - other.width / 2)
        down = min(y + self.height / 2, b + other.height / 2) - max(y - self.height / 2, b - other.height / 2)
        return max(0.0, across) * max(0.0, down)

    def crossed(self, one: Point, other: Point) -> float:
        """How much of the line between two points lies inside, pixels."""
        begin, end = 0.0, 1.0
        for axis, size in enumerate((self.width, self.height)):
            low, high = self.centre[axis] - size / 2 - one[axis], self.centre[axis] + size / 2 - one[axis]
            step = other[axis] - one[axis]
            if step == 0:
                if low > 0 or high < 0:
                    return 0.0
                continue
            begin, end = max(begin, min(low / step, high / step)), min(end, max(low / step, high / step))
            if begin >= end:
                return 0.0
        return (end - begin) * math.dist(one, other)


@dataclass(frozen=True)
class Words:
    """A line of text: its colour, and whether it is bold."""

    text: str
    colour: str = "#333"
    bold: bool = False


@dataclass
class Room:
    """What is taken on a drawing of a size: boxes that nothing may cover, and lines that words should not cross."""

    size: Point
    boxes: list[Box] = field(default_factory=list)
    lines: list[tuple[Point, Point]] = field(default_factory=list)

    def place(self, candidates: Sequence[Box]) -> Box:
        """Takes the candidate that covers least; of equals the first."""
        best = min(candidates, key=self._covered)
        self.boxes.append(best)
        return best

    def _covered(self, box: Box) -> float:
        width, height = self.size
        outside = box.width * box.height - box.shared(Box((width / 2, height / 2), width, height))
        covered = sum(box.shared(other) for other in self.boxes)
        return 4 * outside + 2 * covered + sum(12 * box.crossed(*line) for line in self.lines)


def beside(one: Point, other: Point, width: float, height: float, gap: float) -> list[Box]:
    """Boxes of this size along both sides of the line between two points, those at its middle first."""
    length = math.dist(one, other) or 1.0
    across = ((other[1] - one[1]) / length, (one[0] - other[0]) / length)
    away = abs(across[0]) * width / 2 + abs(across[1]) * height / 2 + gap
    sides = sorted((1, -1), key=lambda side: across[1] * side)  # above the line before below it
    return [
        Box(
            (
                one[0] + (other[0] - one[0]) * along + across[0] * side * away * far,
                one[1] + (other[1] - one[1]) * along + across[1] * side * away * far,
            ),
            width,
            height,
        )
        for far in (1.0, 1.35)
        for along in (0.5, 0.42, 0.58, 0.34, 0.66)
        for side in sides
    ]


def size_of(lines: Sequence[Words], height: float) -> tuple[float, float]:
    """Width and height of lines of text, pixels."""
    widest = max((len(line.text) * (1.08 if line.bold else 1.0) for line in lines), default=0.0)
    return widest * height * _GLYPH + 8, len(lines) * height * _LEADING + 4


def write(parent: ET.Element, box: Box, lines: Sequence[Words], height: float) -> None:
    """Text in a box, centred, with a pale edge that keeps it legible on lines."""
    top = box.centre[1] - box.height / 2
    parent = shape(parent, "g", stroke="#fff", stroke_width=3, stroke_linejoin="round", paint_order="stroke")
    for number, line in enumerate(lines):
        at = (box.centre[0], top + 2 + height * _LEADING * (number + 0.78))
        word(parent, at, line, height)


def word(parent: ET.Element, at: Point, line: Words, height: float, anchor: str = "middle") -> None:
    """One line of text; ``at`` is on its base line."""
    weight = "600" if line.bold else "400"
    made = shape(
        parent, "text", x=at[0], y=at[1], fill=line.colour, font_size=height, font_weight=weight, text_anchor=anchor
    )
    made.text = line.text


def shape(parent: ET.Element, kind: str, **attributes: float | str) -> ET.Element:
    """An element; numbers are rounded to a tenth of a pixel (colours and the like are texts), "_" stands for "-"."""
    given = {
        name.replace("_", "-"): value
        if isinstance(value, str)
        else f"{value:.1f}".removesuffix(".0")
        if "opacity" not in name
        else f"{value:g}"
        for name, value in attributes.items()
    }
    return ET.SubElement(parent, kind, given)


def tip(parent: ET.Element, text: str) -> None:
    """What is shown while the pointer rests on an element."""
    ET.SubElement(parent, "title").text = text
