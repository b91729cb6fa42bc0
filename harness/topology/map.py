"""A topology as a drawing: one SVG that needs nothing else, the same for the same topology."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median
from xml.etree import ElementTree as ET

from harness.topology.canvas import Box, Point, Room, Words, beside, shape, size_of, tip, word, write
from harness.topology.graph import layout
from harness.topology.model import Link, Site, SiteKind, System
from harness.topology.network import Topology

# Okabe and Ito's colours, which people with any colour vision tell apart, darkened where they are for text;
# domains are muted, so that neither is taken for the other
_MAKERS = ("#b34700", "#0072b2", "#007a59", "#a3458a", "#7a6a00", "#444444")
_DOMAINS = ("#4a5f86", "#8c5a73", "#6d7a3a", "#3c7a78", "#8a6244", "#6a5a94", "#5c5c5c", "#947a2e")
_GREY, _BORDER = "#777", "#ffd34d"
_TAGS = {"adva-l1": "L1", "sitline-l2": "L2", "ipsec": "L3", "otp": "OTP"}
_SMALL = 12  # as many sites are drawn with everything that is known of them
_MARGIN, _HEAD = 90.0, 70.0


def draw(topology: Topology) -> str:
    """The map of a topology, as the text of an SVG file."""
    return _Map(topology).text()


class _Map:
    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._full = len(topology.sites) <= _SMALL
        self._radius, self._type = (22.0, 12.5) if self._full else (13.0, 10.0)
        makers = [maker.id for maker in topology.makers]
        self._maker_colour = {name: _MAKERS[number % len(_MAKERS)] for number, name in enumerate(makers)}
        self._domain_colour = {
            domain.id: _DOMAINS[number % len(_DOMAINS)] for number, domain in enumerate(topology.domains)
        }
        self._at, self._size = self._places()
        self._room = Room(self._size)

    def text(self) -> str:
        """The whole file."""
        width, height = self._size
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {width:.0f} {height:.0f}",
                "width": f"{width:.0f}",
                "height": f"{height:.0f}",
                "font-family": "Helvetica, Arial, 'DejaVu Sans', sans-serif",
                "role": "img",
            },
        )
        tip(root, self._topology.title)
        shape(root, "rect", width=width, height=height, fill="#fff")
        self._head(root)
        self._grounds(root)
        for link in self._topology.links:
            self._fibre(root, link)
        ways = [(system, self._way(system)) for system in self._topology.active_systems if system.bypassed]
        for system, way in ways:
            self._bypass(root, system, way)
        r = self._radius
        self._room.boxes = [Box(at, 2 * r, 2 * r) for at in self._at.values()]
        for link in self._topology.links:
            self._room.lines.append((self._at[link.ends[0]], self._at[link.ends[1]]))
        for _, way in ways:
            self._room.lines += list(pairwise(way))
        for site in self._topology.sites:
            self._site(root, site)
        for link in self._topology.links:
            self._link_words(root, link)
        for system, way in ways:
            self._bypass_words(root, system, way)
        self._legend(root)
        ET.indent(root, " ")
        return ET.tostring(root, encoding="unicode") + "\n"

    # ---- places -------------------------------------------------------------------------------------

    def _places(self) -> tuple[dict[str, Point], Point]:
        raw = layout(self._topology)
        points = list(raw.values())
        nearest = [min(d for two in points if (d := math.dist(one, two)) > 0) for one in points]
        scale = (270.0 if self._full else 125.0) / median(nearest)
        left, top = min(x for x, _ in points), max(y for _, y in points)
        wide = (max(x for x, _ in points) - left) * scale + 2 * _MARGIN
        edge = max(0.0, 760.0 - wide) / 2  # room for the title and the legend
        at = {
            name: (_MARGIN + edge + (x - left) * scale, _HEAD + _MARGIN + (top - y) * scale)
            for name, (x, y) in raw.items()
        }
        foot = 64.0 + 22.0 * ((len(self._domain_colour) - 1) // 8)
        return at, (max(wide, 760.0), max(y for _, y in at.values()) + _MARGIN + foot)

    def _way(self, system: System) -> list[Point]:
        """Where a by-passed system is drawn: past the sites between its ends, beside the fibre."""
        sites = [system.ends[0]]
        for name in system.path:
            sites.append(self._topology.link(name).other_end(sites[-1]))
        points = [self._at[name] for name in sites]
        way = [points[0]]
        for before, here, after in zip(points, points[1:], points[2:], strict=False):
            length = math.dist(before, after) or 1.0
            across = ((after[1] - before[1]) / length, (before[0] - after[0]) / length)
            # above the site, since its name is more often below
            side = 1 if across[1] < 0 else -1
            way.append(
                (here[0] + across[0] * 2.2 * self._radius * side, here[1] + across[1] * 2.2 * self._radius * side)
            )
        return [*way, points[-1]]

    # ---- shapes -------------------------------------------------------------------------------------

    def _grounds(self, root: ET.Element) -> None:
        """A pale ground beneath each domain."""
        for domain, colour in self._domain_colour.items():
            group = shape(root, "g", opacity=0.13, fill=colour, stroke=colour, stroke_linecap="round")
            inside = [site.id for site in self._topology.sites if site.domain == domain]
            for name in inside:
                x, y = self._at[name]
                shape(group, "circle", cx=x, cy=y, r=2.6 * self._radius, stroke="none")
            for link in self._topology.links:
                if set(link.ends) <= set(inside):
                    self._line(group, *(self._at[end] for end in link.ends), stroke_width=4.4 * self._radius)

    def _fibre(self, root: ET.Element, link: Link) -> None:
        one, other = (self._at[end] for end in link.ends)
        group = shape(root, "g", stroke_linecap="round")
        tip(group, self._told(link))
        if link.border:
            self._line(group, one, other, stroke=_BORDER, stroke_width=22)
        self._line(group, one, other, stroke="#bbb", stroke_width=2.0 * link.fibre_pairs)
        lit = self._lit(link)
        length = math.dist(one, other) or 1.0
        across = ((other[1] - one[1]) / length, (one[0] - other[0]) / length)
        for number, (maker, _) in enumerate(lit):
            off = 5.0 * (number - (len(lit) - 1) / 2)
            ends = [(x + across[0] * off, y + across[1] * off) for x, y in (one, other)]
            self._line(group, ends[0], ends[1], stroke=self._maker_colour[maker], stroke_width=3)

    def _bypass(self, root: ET.Element, system: System, way: list[Point]) -> None:
        group = shape(root, "g")
        tip(group, f"{system.id}: by-passes the sites between {' and '.join(system.ends)}")
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in way)
        colour = self._maker_colour[system.maker]
        shape(
            group,
            "polyline",
            points=points,
            fill="none",
            stroke=colour,
            stroke_width=2.5,
            stroke_dasharray="8 5",
            stroke_linejoin="round",
        )

    def _site(self, root: ET.Element, site: Site) -> None:
        x, y = self._at[site.id]
        r = self._radius
        colour = self._domain_colour.get(site.domain, _GREY)
        group = shape(root, "g")
        tip(group, f"{site.name}: {site.kme or 'no key is ever here'}; {', '.join(site.saes) or 'no applications'}")
        fill = colour if site.kind is SiteKind.NODE and site.production else "#fff"
        outline: dict[str, float | str] = {"stroke": colour, "stroke_width": 3.0, "fill": fill}
        if not site.production:
            outline["stroke_dasharray"] = "4 3"
        if site.kind is SiteKind.CENTRAL:
            corners = [(x + r * math.cos(math.pi * n / 3), y + r * math.sin(math.pi * n / 3)) for n in range(6)]
            shape(group, "polygon", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners), **outline)
        else:
            shape(group, "circle", cx=x, cy=y, r=r, **outline)
        self._equipment(group, site, "#fff" if fill == colour else colour)
        lines = self._site_words(site)
        write(group, self._room.place(self._around(site, lines)), lines, self._type + 1)

    def _equipment(self, group: ET.Element, site: Site, colour: str) -> None:
        x, y = self._at[site.id]
        if any(switch.site == site.id for switch in self._topology.switches):
            shape(group, "path", d=_switch_at(x, y - 5), stroke=colour, stroke_width=2, fill="none")
        if any(generator.site == site.id for generator in self._topology.generators):
            word(group, (x, y + 15), Words("QRNG", colour, bold=True), 9)

    # ---- words --------------------------------------------------------------------------------------

    def _site_words(self, site: Site) -> list[Words]:
        lines = [Words(site.name, "#111", bold=True)]
        tags = [_TAGS[one.kind] for one in self._topology.consumers if one.site == site.id]
        if self._full and tags:
            lines.append(Words(" ".join(dict.fromkeys(tags)), _GREY))
        return lines

    def _around(self, site: Site, lines: list[Words]) -> list[Box]:
        """Below, above, and on either side of a site."""
        width, height = size_of(lines, self._type + 1)
        x, y = self._at[site.id]
        down, across = self._radius + 3 + height / 2, self._radius + 4 + width / 2
        return [Box((x + a * across, y + b * down), width, height) for a, b in ((0, 1), (0, -1), (1, 0), (-1, 0))]

    def _link_words(self, root: ET.Element, link: Link) -> None:
        figures = f"{link.id} · {link.length_km:.1f} km · {link.loss_c_db:.1f} dB"
        lines = [Words(figures if self._full else f"{link.id} · {link.length_km:.0f} km", "#111", bold=True)]
        if link.border:
            lines[0] = Words(f"{lines[0].text} · border", "#111", bold=True)
        for maker, channel in self._lit(link):
            lines.append(Words(f"{self._name(maker)} {channel}", self._maker_colour[maker]))
        if self._full:
            idle = sum(link.id in system.path and not system.active for system in self._topology.systems)
            pairs = f"{link.fibre_pairs} fibre pairs, " if link.fibre_pairs > 1 else ""
            more = f", {_many(idle, 'idle system')}" if idle else ""
            classical = f"{len(link.classical_channels) or 'no'} classical"
            lines.append(Words(f"{pairs}{classical}{more}", _GREY))
        size = size_of(lines, self._type)
        one, other = (self._at[end] for end in link.ends)
        box = self._room.place(beside(one, other, *size, gap=12.0 if link.border else 6.0))
        write(root, box, lines, self._type)

    def _bypass_words(self, root: ET.Element, system: System, way: list[Point]) -> None:
        lines = [Words(f"{self._name(system.maker)} {system.channel}, by-pass", self._maker_colour[system.maker])]
        size = size_of(lines, self._type)
        options = [box for one, other in pairwise(way) for box in beside(one, other, *size, gap=4.0)]
        write(root, self._room.place(options), lines, self._type)

    def _head(self, root: ET.Element) -> None:
        topology = self._topology
        word(root, (24, 36), Words(topology.title, "#111", bold=True), 20, "start")
        counts = {
            "site": len(topology.production_sites),
            "domain": len(topology.domains),
            "link": len(topology.production_links),
            "module": len(topology.modules),
            "active system": len(topology.active_systems),
        }
        line = ", ".join(_many(count, kind) for kind, count in counts.items())
        word(root, (24, 58), Words(line, _GREY), 13, "start")

    def _legend(self, root: ET.Element) -> None:
        width, height = self._size
        x, y = 24.0, height - 44.0
        entries = [(domain.name, self._domain_colour[domain.id], "dot") for domain in self._topology.domains]
        used = {system.maker for system in self._topology.active_systems}
        makers = [maker for maker in self._topology.makers if maker.id in used]
        entries += [(maker.name, self._maker_colour[maker.id], "line") for maker in makers]
        if any(system.bypassed for system in self._topology.active_systems):
            entries.append(("optical by-pass", _GREY, "dash"))
        if any(link.border for link in self._topology.links):
            entries.append(("border", _BORDER, "band"))
        if self._topology.switches:
            entries.append(("optical switch", _GREY, "switch"))
        for text, colour, sign in entries:
            step = 36 + len(text) * 7.2 + 18
            if x + step > width - 20:
                x, y = 24.0, y + 22
            _sign(root, sign, x, y, colour)
            word(root, (x + 34, y + 4), Words(text), 13, "start")
            x += step

    # ---- facts --------------------------------------------------------------------------------------

    def _lit(self, link: Link) -> list[tuple[str, str]]:
        """Makers and channels of the active systems that use a link without by-passing its ends, each once."""
        systems = [one for one in self._topology.active_systems if link.id in one.path and not one.bypassed]
        return list(dict.fromkeys((system.maker, system.channel) for system in systems))

    def _name(self, maker: str) -> str:
        name = self._topology.maker(maker).name
        return name if len(name) <= 12 else maker.upper()

    def _told(self, link: Link) -> str:
        systems = [one for one in self._topology.systems if link.id in one.path]
        lines = [f"{one.id}: {one.channel}{'' if one.active else ' (idle)'}" for one in systems]
        losses = f"{link.loss_c_db:g} dB in the C-band, {link.loss_o_db:g} dB at 1310 nm"
        classical = f"classical: {', '.join(link.classical_channels) or 'none'}"
        return "\n".join([f"{link.id}: {link.length_km:g} km, {losses}", classical, *lines])

    def _line(self, parent: ET.Element, one: Point, other: Point, **more: float | str) -> None:
        shape(parent, "line", x1=one[0], y1=one[1], x2=other[0], y2=other[1], **more)


def _many(count: int, kind: str) -> str:
    return f"{count} {kind}" if count == 1 else f"{count} {kind}s"


def _switch_at(x: float, y: float) -> str:
    """Two crossing ways, 18 pixels wide."""
    return f"M{x - 9:.1f} {y - 5:.1f}h4l10 10h4M{x - 9:.1f} {y + 5:.1f}h4l10 -10h4"


def _sign(root: ET.Element, sign: str, x: float, y: float, colour: str) -> None:
    match sign:
        case "dot":
            shape(root, "circle", cx=x + 18, cy=y, r=8, fill=colour)
        case "switch":
            shape(root, "path", d=_switch_at(x + 16, y), stroke=colour, stroke_width=2, fill="none")
        case _:
            width = {"line": 3.0, "dash": 2.5, "band": 14.0}[sign]
            dashes = {"stroke_dasharray": "8 5"} if sign == "dash" else {}
            shape(root, "line", x1=x + 2, y1=y, x2=x + 28, y2=y, stroke=colour, stroke_width=width, **dashes)
