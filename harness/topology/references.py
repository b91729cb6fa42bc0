"""Names in a topology file: none twice, and every one stands for something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.document import Document, Problem, Trail, closest, listed
from harness.topology.build import kme_of, saes_of, site_of
from harness.topology.file import TopologyFile

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_EQUIPMENT = re.compile(rf"{_NAME.pattern}/{_NAME.pattern}")
_CHANNEL = re.compile(r"O|C-(?:[1-9]|[1-6][0-9]|7[0-2])")
_SHOWN = 12


class References:
    """Looks up every name of a file. ``problems`` gives what is wrong with them, each at its place."""

    def __init__(self, document: Document, file: TopologyFile) -> None:
        self._document = document
        self._file = file
        self._sites = {entry.id for entry in file.site}
        self._links = {entry.id for entry in file.link}
        self._modules = {entry.id for entry in file.module}

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong with names."""
        yield from self._written()
        yield from self._twice()
        yield from self._sites_and_links()
        yield from self._equipment()
        yield from self._systems()
        yield from self._users()

    def _written(self) -> Iterator[Problem]:
        for kind in ("domain", "site", "link", "maker", "module", "system", "switch", "generator"):
            paired = kind in {"module", "generator"}
            form = _EQUIPMENT if paired else _NAME
            for trail, entry in self._document.tables(kind):
                name = entry["id"]
                if kind in {"system", "switch"} and _EQUIPMENT.fullmatch(name):
                    continue
                if not form.fullmatch(name):
                    wanted = '"SITE/NAME" such as "quijote/idq-1"' if paired else 'such as "quijote" or "link-4"'
                    wrong = f"{name!r} cannot be the id of a {kind}"
                    todo = f"write it in small letters, digits, '-', '.' and '_': {wanted}"
                    yield self._document.problem((*trail, "id"), wrong, todo=todo)

    def _twice(self) -> Iterator[Problem]:
        for kind in ("domain", "site", "link", "maker", "module", "system", "switch", "generator"):
            names = [((*trail, "id"), entry["id"]) for trail, entry in self._document.tables(kind)]
            yield from self._once(f"the {kind}", names)
        sites = list(enumerate(self._file.site))
        yield from self._once("the KME ID", [(("site", n, "kme"), kme_of(site)) for n, site in sites if kme_of(site)])
        saes = [(("site", n, "sae", m), sae) for n, site in sites for m, sae in enumerate(saes_of(site))]
        yield from self._once("the SAE ID", saes)

    def _once(self, what: str, names: Iterable[tuple[Trail, str]]) -> Iterator[Problem]:
        seen: dict[str, Trail] = {}
        for trail, name in names:
            if name in seen:
                line = self._document.value_at(seen[name]).line
                wrong = f"{what} {name!r} stands twice (first on line {line})"
                yield self._document.problem(trail, wrong, todo="give each its own, or remove one of them")
            seen.setdefault(name, trail)

    def _sites_and_links(self) -> Iterator[Problem]:
        domains = {entry.id for entry in self._file.domain}
        for number, site in enumerate(self._file.site):
            trail: Trail = ("site", number, "domain")
            if site.domain:
                yield from self._known(trail, "domain", site.domain, domains)
            elif site.production:
                wrong = f"the site {site.id!r} belongs to no domain"
                yield self._document.problem(trail, wrong, todo='say domain = "…", or production = false')
            if site.kind != "node" and site.sae:
                wrong = f"a {site.kind} has no applications, and so no SAE IDs"
                yield self._document.problem(("site", number, "sae"), wrong, todo='remove it, or say kind = "node"')
            if site.kind == "node" and site.sae == ():
                wrong = f"the site {site.id!r} has no SAE ID"
                yield self._document.problem(("site", number, "sae"), wrong, todo='name one, or say kind = "relay"')
        for number, link in enumerate(self._file.link):
            yield from self._ends(("link", number, "ends"), link.ends)
            for place, channel in enumerate(link.classical):
                yield from self._channel(("link", number, "classical", place), channel)

    def _equipment(self) -> Iterator[Problem]:
        makers = {entry.id for entry in self._file.maker}
        for number, module in enumerate(self._file.module):
            yield from self._known(("module", number, "maker"), "maker", module.maker, makers)
            if "/" in module.id:
                yield from self._known(("module", number, "id"), "site", site_of(module.id), self._sites)
        for number, generator in enumerate(self._file.generator):
            if "/" in generator.id:
                yield from self._known(("generator", number, "id"), "site", site_of(generator.id), self._sites)
        for number, switch in enumerate(self._file.switch):
            yield from self._known(("switch", number, "site"), "site", switch.site, self._sites)
            here = {link.id for link in self._file.link if switch.site in link.ends}
            here |= {name for name in self._modules if site_of(name) == switch.site}
            for place, port in enumerate(switch.ports):
                yield from self._known(
                    ("switch", number, "ports", place), f"link or module at {switch.site}", port, here
                )

    def _systems(self) -> Iterator[Problem]:
        for number, system in enumerate(self._file.system):
            trail: Trail = ("system", number)
            for place, name in enumerate(system.path):
                yield from self._known((*trail, "path", place), "link", name, self._links)
            for member in ("transmitter", "other_transmitter", "receiver"):
                name = getattr(system, member)
                if name:
                    yield from self._known((*trail, member), "module", name, self._modules)
            if system.receiver_at:
                yield from self._known((*trail, "receiver_at"), "site", system.receiver_at, self._sites)
            yield from self._channel((*trail, "channel"), system.channel)

    def _users(self) -> Iterator[Problem]:
        nodes = {entry.id for entry in self._file.site if saes_of(entry)}
        for number, consumer in enumerate(self._file.consumer):
            for place, name in enumerate(consumer.sites):
                yield from self._known(("consumer", number, "sites", place), "site with an SAE ID", name, nodes)
        for number, policy in enumerate(self._file.policy):
            yield from self._ends(("policy", number, "ends"), policy.ends)

    def _ends(self, trail: Trail, ends: tuple[str, ...]) -> Iterator[Problem]:
        for place, name in enumerate(ends):
            yield from self._known((*trail, place), "site", name, self._sites)
        if ends[0] == ends[1]:
            yield self._document.problem(trail, f"both ends are {ends[0]!r}", todo="name two different sites")

    def _known(self, trail: Trail, kind: str, name: str, known: Iterable[str]) -> Iterator[Problem]:
        options = sorted(known)
        if name not in options:
            shown = [*options[:_SHOWN], *(["…"] if len(options) > _SHOWN else [])]
            todo = f"there is {listed(shown)}" if options else "there is none"
            yield self._document.problem(trail, f"no {kind} {name!r}", suggestion=closest(name, options), todo=todo)

    def _channel(self, trail: Trail, channel: str) -> Iterator[Problem]:
        if not _CHANNEL.fullmatch(channel):
            todo = 'write "O" for 1310 nm, or a channel of the ITU grid such as "C-37"'
            yield self._document.problem(trail, f"{channel!r} is no channel", todo=todo)
