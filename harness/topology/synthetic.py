"""Networks of any size that were never built: for seeing how things grow.

Sites lie evenly in the plane, about 12 km from the next; each domain takes those nearest to its centre. Within a
domain, sites are joined by the relative neighbourhood graph of their places (G. T. Toussaint, Pattern Recognition 12,
261, 1980), which is planar and connected, and has about 1.2 links a site. Domains are joined by a tree of shortest
border links, and by a second one where two domains of the tree have room for it. Makers are mixed; border links have
two systems of different makers. The same arguments give the same network on every machine.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

from harness.topology.load import parsed
from harness.topology.network import Topology
from harness.topology.scenario import ScenarioError

Point = tuple[float, float]
Edge = tuple[int, int]
Chance = Callable[[], float]
_NAME = "euroqci-synthetic"
_APART_KM = 12.0
_MOST = 1000
# kilometres that light goes for one of straight line; dB a kilometre, and for connectors and multiplexers
_DETOUR, _DB_PER_KM, _FIXED_DB = 1.25, 0.25, 1.2
# maker: channels to choose from, and the largest loss in the C-band that it is given, dB
# Classical channels share every fibre: in the C-band their Raman noise drowns single photons, not a CV receiver's.
_CHANNELS = {"hwdu": ("C-37", "C-38"), "idq": ("O",), "toshiba": ("O",)}
_BEARS_DB = {"hwdu": 14.0, "idq": 8.0, "toshiba": 14.0}
_CLASSICAL = tuple(f"C-{number}" for number in (*range(21, 31), 59, 60))
_MAKERS = """\
maker = [
  { id = "hwdu", name = "Huawei Düsseldorf", model = "CV-QKD prototype", protocol = "cv-gaussian", handover = "stream", pairing = "free" },
  { id = "idq", name = "ID Quantique", model = "Cerberis 3", protocol = "cow", handover = "etsi014" },
  { id = "toshiba", name = "Toshiba", model = "T12 1310 nm", protocol = "decoy-bb84", handover = "etsi014" },
]"""  # noqa: E501 - one line a maker, as in the files


def synthetic(nodes: int, domains: int, seed: int = 0) -> Topology:
    """A network of ``nodes`` sites in ``domains`` operators' domains.

    Raises:
        ScenarioError: fewer than two sites, more domains than sites, or more than a thousand sites.
    """
    return parsed(_written(nodes, domains, seed), f"{_NAME}:{nodes},{domains},{seed}.toml")


def synthetic_text(arguments: str) -> str:
    """The same from "NODES,DOMAINS" or "NODES,DOMAINS,SEED", as the TOML of a topology file.

    Raises:
        ScenarioError: these are not two or three whole numbers, or as `synthetic`.
    """
    try:
        numbers = [int(word) for word in arguments.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in {2, 3}:
        raise ScenarioError(
            f"{_NAME} takes NODES,DOMAINS or NODES,DOMAINS,SEED, such as {_NAME}:30,3: not {arguments!r}"
        )
    return _written(*numbers)


def _written(nodes: int, domains: int, seed: int = 0) -> str:
    if not 2 <= nodes <= _MOST or not 1 <= domains <= nodes:
        wanted = f"2 to {_MOST} nodes and 1 domain to as many as nodes"
        raise ScenarioError(f"{_NAME} takes {wanted}: not {nodes} nodes in {domains} domains")
    # random() alone is promised to give the same numbers in every version of Python
    chance = random.Random(f"{nodes},{domains},{seed}").random  # noqa: S311 - a network, not a key
    places = _places(nodes, chance)
    owners = _owners(places, domains)
    names = [f"d{owner + 1}-n{number + 1:0{len(str(nodes))}}" for number, owner in enumerate(owners)]
    lines = [
        f'name = "{_NAME}"',
        f'title = "Generated: {nodes} sites, {domains} domains, seed {seed}"',
        'source = "harness/topology/synthetic.py"',
        'notes = ["Nothing of it was ever built."]',
        *_list("domain", [f'id = "d{number + 1}", name = "Domain {number + 1}"' for number in range(domains)]),
        *_list(
            "site",
            [
                f'id = "{name}", domain = "d{owner + 1}", at = [{x:.2f}, {y:.2f}]'
                for name, owner, (x, y) in zip(names, owners, places, strict=True)
            ],
        ),
        _MAKERS,
    ]
    links = _Links(names, places, chance)
    for owner in range(domains):
        here = [number for number in range(nodes) if owners[number] == owner]
        for one, other in _neighbours(places, here):
            links.add(one, other, border=False)
    for one, other in _borders(places, owners):
        links.add(one, other, border=True)
    lines += [*_list("link", links.links), *_list("module", links.modules), *_list("system", links.systems)]
    lines += _list("consumer", [f'kind = "ipsec", keys = "014", sites = {_texts(names)}'])
    return "\n".join(lines) + "\n"


def _list(name: str, entries: Sequence[str]) -> list[str]:
    return [f"{name} = [", *(f"  {{ {entry} }}," for entry in entries), "]"]


def _texts(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _places(nodes: int, chance: Chance) -> list[Point]:
    """Points of which none is very near another: each is the best of several candidates."""
    side = _APART_KM * math.sqrt(nodes)
    found: list[Point] = []
    while len(found) < nodes:
        candidates = [(side * chance(), side * chance()) for _ in range(12)]
        found.append(max(candidates, key=lambda one: min((math.dist(one, other) for other in found), default=0.0)))
    return found


def _owners(places: Sequence[Point], domains: int) -> list[int]:
    """The domain of each site: that of the nearest centre; centres are sites as far from each other as can be."""
    centres = [places[0]]
    while len(centres) < domains:
        centres.append(max(places, key=lambda one: min(math.dist(one, centre) for centre in centres)))
    return [min(range(domains), key=lambda number: math.dist(place, centres[number])) for place in places]


def _neighbours(places: Sequence[Point], here: Sequence[int]) -> list[Edge]:
    """Pairs to which no third site is nearer than they are to each other."""

    def between(one: int, other: int) -> bool:
        far = math.dist(places[one], places[other])
        return any(
            max(math.dist(places[one], places[third]), math.dist(places[other], places[third])) < far
            for third in here
            if third not in {one, other}
        )

    return [edge for edge in combinations(here, 2) if not between(*edge)]


def _borders(places: Sequence[Point], owners: Sequence[int]) -> list[Edge]:
    """Shortest links that make a tree of the domains, and a second beside each where that is not much longer."""

    def length(edge: Edge) -> float:
        return math.dist(places[edge[0]], places[edge[1]])

    across = sorted((e for e in combinations(range(len(places)), 2) if owners[e[0]] != owners[e[1]]), key=length)
    group = list(range(max(owners) + 1))
    chosen: list[Edge] = []
    for one, other in across:
        joined, kept = group[owners[other]], group[owners[one]]
        if joined != kept:
            group = [kept if number == joined else number for number in group]
            chosen.append((one, other))
            sides = {owners[one], owners[other]}
            beside = (e for e in across if {owners[e[0]], owners[e[1]]} == sides and not {*e} & {one, other})
            second = next(beside, None)
            if second and length(second) < _APART_KM + length((one, other)):
                chosen.append(second)
    return chosen


class _Links:
    """Writes links with their modules and systems, as entries of a topology file."""

    def __init__(self, names: Sequence[str], places: Sequence[Point], chance: Chance) -> None:
        self.links: list[str] = []
        self.modules: list[str] = []
        self.systems: list[str] = []
        self._names, self._places, self._chance = names, places, chance
        self._count: Counter[str] = Counter()

    def add(self, one: int, other: int, *, border: bool) -> None:
        """A link between two sites, with one system; with two of different makers on a border."""
        ends = self._names[one], self._names[other]
        length = max(1.0, _DETOUR * math.dist(self._places[one], self._places[other]))
        loss = _FIXED_DB + _DB_PER_KM * length
        busy = sorted({self._one_of(_CLASSICAL) for _ in range(2 + int(4 * self._chance()))})
        name = f"link-{len(self.links) + 1}"
        entry = f'id = "{name}", ends = ["{ends[0]}", "{ends[1]}"], length_km = {length:.1f}, loss_c_db = {loss:.1f}'
        entry += ", classical = " + _texts(busy)
        if border:
            entry += ', border = true, combining = "all-else-remaining"'
        self.links.append(entry)
        makers = [maker for maker in _CHANNELS if loss <= _BEARS_DB[maker]] or ["hwdu", "toshiba"]
        taken: set[str] = set()
        for _ in range(2 if border else 1):
            free = {maker: [one for one in _CHANNELS[maker] if one not in taken] for maker in makers}
            maker = self._one_of([maker for maker in makers if free[maker]])
            channel = self._one_of(free[maker])
            makers.remove(maker)
            taken.add(channel)
            self._system(name, ends, maker, channel)

    def _system(self, link: str, ends: tuple[str, str], maker: str, channel: str) -> None:
        modules = []
        for site, role in zip(ends, ("transmitter", "receiver"), strict=True):
            self._count[f"{site}/{maker}"] += 1
            modules.append(f"{site}/{maker}-{self._count[f'{site}/{maker}']}")
            self.modules.append(f'id = "{modules[-1]}", maker = "{maker}", role = "{role}"')
        self.systems.append(
            f'id = "{link}/{maker}", path = ["{link}"], transmitter = "{modules[0]}", receiver = "{modules[1]}", '
            f'channel = "{channel}", active = true'
        )

    def _one_of(self, options: Sequence[str]) -> str:
        return options[int(self._chance() * len(options))]
