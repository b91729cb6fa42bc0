"""The plan: everything that is wanted, in memory and in the store, and what it means for each node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .model import Admission, Application, NodeRecord, PhysicalLink, Stage, VirtualLink
from .store import Store
from .tree import Json, decimal, identity

Thing = NodeRecord | PhysicalLink | VirtualLink | Application
_KINDS: dict[type[Thing], str] = {
    NodeRecord: "node",
    PhysicalLink: "physical",
    VirtualLink: "virtual",
    Application: "application",
}


@dataclass(slots=True)
class Wanted:
    """Entries that a node is to have, by their keys, and keys of those that it is to lose."""

    links: dict[str, Json] = field(default_factory=dict)
    apps: dict[str, Json] = field(default_factory=dict)
    gone_links: set[str] = field(default_factory=set)
    gone_apps: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Here:
    """Things that concern one node."""

    applications: list[Application] = field(default_factory=list)
    virtual: list[VirtualLink] = field(default_factory=list)
    physical: list[PhysicalLink] = field(default_factory=list)


class Plan:
    """All that is wanted. Change it within `change`, which commits before anything is told to a node.

    Attributes:
        nodes: by URL. `physical`, `virtual` by qkdl_id, `applications` by app_id.
        received: PHYS links in the making that the receiver was seen to have: only then the sender is told.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.nodes: dict[str, NodeRecord] = {}
        self.physical: dict[str, PhysicalLink] = {}
        self.virtual: dict[str, VirtualLink] = {}
        self.applications: dict[str, Application] = {}
        self.received: set[str] = set()
        self._index: dict[str, Here] | None = None  # until the next change
        self._users: dict[str, set[str]] = {}
        self.load()

    def load(self) -> None:
        """Reads the store anew."""
        read = self._store.read
        self.nodes = {name: NodeRecord.of(body) for name, body in read("node").items()}
        self.physical = {name: PhysicalLink.of(body) for name, body in read("physical").items()}
        self.virtual = {name: VirtualLink.of(body) for name, body in read("virtual").items()}
        self.applications = {name: Application.of(body) for name, body in read("application").items()}
        self.forget()

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction. What was changed in memory is read anew when it fails.

        Raises:
            NotInChargeError: see `Store.transaction`.
        """
        try:
            with self._store.transaction():
                yield Change(self, self._store)
        except BaseException:
            self.load()
            raise

    def forget(self) -> None:
        """What is wanted of nodes is worked out anew: links or applications have changed."""
        self._index = None

    def links(self) -> list[PhysicalLink | VirtualLink]:
        """All links."""
        return [*self.physical.values(), *self.virtual.values()]

    # -- what it means for the nodes --------------------------------------------------------------------

    def reserved_bps(self, qkdl_id: str) -> int:
        """What is promised of a link: of a PHYS link to virtual links and applications, of a VIRT to applications."""
        own = sum(app.demand_bps for app in self.backed_by(qkdl_id))
        return own + sum(one.bandwidth_bps for one in self.over(qkdl_id))

    def backed_by(self, qkdl_id: str) -> list[Application]:
        """Admitted applications that a link feeds."""
        return [
            app for app in self.applications.values() if app.admission is Admission.ADMITTED and qkdl_id in app.backing
        ]

    def over(self, qkdl_id: str) -> list[VirtualLink]:
        """Virtual links that go over a PHYS link and are not going."""
        return [one for one in self.virtual.values() if one.stage is not Stage.GOING and qkdl_id in one.hops]

    def at(self, node: str) -> Here:
        """What concerns one node."""
        return self._indexed().get(node, Here())

    def _indexed(self) -> dict[str, Here]:
        if self._index is None:
            self._index, self._users = defaultdict(Here), defaultdict(set)
            for app in self.applications.values():
                for node in app.nodes:
                    self._index[node].applications.append(app)
                for qkdl_id in app.backing if app.admission is Admission.ADMITTED else ():
                    self._users[qkdl_id].add(app.app_id)
            for link in self.virtual.values():
                for node in dict.fromkeys(
                    (*link.path, *link.left, *(end for _, *ends in link.left_hops for end in ends))
                ):
                    self._index[node].virtual.append(link)
                for hop in link.hops if link.stage is not Stage.GOING else ():
                    self._users[hop].add(link.internal_app_id(hop))
            for physical in self.physical.values():
                for node in physical.nodes:
                    self._index[node].physical.append(physical)
        return self._index

    def wanted(self, node: str) -> Wanted:
        """Of one node."""
        here, wanted, users = self.at(node), Wanted(), self._users
        for app in here.applications:
            if app.admission is Admission.ADMITTED:
                wanted.apps[app.app_id] = _application_entry(app, node)
            else:
                wanted.gone_apps.add(app.app_id)
        for virtual in here.virtual:
            _want_virtual(wanted, virtual, node, users[virtual.qkdl_id])
        for link in here.physical:
            told = node == link.other or link.stage is Stage.UP or link.qkdl_id in self.received
            if link.stage is Stage.GOING:
                wanted.gone_links.add(link.qkdl_id)
            elif link.lit and told:
                wanted.links[link.qkdl_id] = _physical_entry(link, node, users[link.qkdl_id])
        return wanted


def _want_virtual(wanted: Wanted, link: VirtualLink, node: str, users: Iterable[str]) -> None:
    going = link.stage is Stage.GOING
    if node in link.path and not going:
        wanted.links[link.qkdl_id] = _virtual_entry(link, node, users)
    else:
        wanted.gone_links.add(link.qkdl_id)
    for hop, *ends in (*link.left_hops, *(link.hop_ends if going else ())):
        if node in ends:
            wanted.gone_apps.add(link.internal_app_id(hop))
    for hop, one, other in () if going else link.hop_ends:
        if node in (one, other):
            there = other if node == one else one
            wanted.apps[link.internal_app_id(hop)] = _internal_entry(link, hop, node, there, (one, other))


class Change:
    """A transaction on the plan."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self._plan = plan
        self._store = store

    def put(self, *things: Thing) -> None:
        """Adds things, or writes what they have become."""
        for thing in things:
            self._of(thing)[_key(thing)] = thing
            self._store.put(_KINDS[type(thing)], _key(thing), thing.body())
            if not isinstance(thing, NodeRecord):
                self._plan.forget()

    def drop(self, *things: Thing) -> None:
        """Takes things out."""
        for thing in things:
            self._of(thing).pop(_key(thing), None)
            self._store.drop(_KINDS[type(thing)], _key(thing))
            self._plan.forget()

    def note(self, kind: str, subject: str, text: str) -> None:
        """Writes into the journal."""
        self._store.note(kind, subject, text)

    def _of(self, thing: Thing) -> dict[str, Thing]:
        plan = self._plan
        things = {
            NodeRecord: plan.nodes,
            PhysicalLink: plan.physical,
            VirtualLink: plan.virtual,
            Application: plan.applications,
        }
        return things[type(thing)]  # type: ignore[return-value]  # of the kind of the key


def _key(thing: Thing) -> str:
    if isinstance(thing, NodeRecord):
        return thing.url
    return thing.app_id if isinstance(thing, Application) else thing.qkdl_id


# -- entries (config leaves only; identities qualified, decimal64 as text: RFC 7951) ----------------------


def _application_entry(app: Application, node: str) -> Json:
    here_is_server = node == app.server_qkdn_id
    entry: Json = {
        "app_id": app.app_id,
        "app_type": identity("CLIENT"),
        "server_app_id": app.server_app_id,
        "client_app_id": list(app.client_app_ids),
        "app_priority": app.priority,
        "backing_qkdl_id": list(app.backing),
        "local_qkdn_id": node,
        "remote_qkdn_id": app.client_qkdn_id if here_is_server else app.server_qkdn_id,
    }
    return entry | ({"app_qos": dict(app.qos)} if app.qos else {})


def _internal_entry(link: VirtualLink, hop: str, here: str, there: str, ends: tuple[str, str]) -> Json:
    return {
        "app_id": link.internal_app_id(hop),
        "app_type": identity("INTERNAL"),
        "server_app_id": f"urn:uuid:{ends[0]}",
        "client_app_id": [f"urn:uuid:{ends[1]}"],
        "app_priority": 0,
        "app_qos": {"max_bandwidth": link.bandwidth_bps, "min_bandwidth": link.bandwidth_bps},
        "backing_qkdl_id": [hop],
        "local_qkdn_id": here,
        "remote_qkdn_id": there,
    }


def _virtual_entry(link: VirtualLink, node: str, users: Iterable[str]) -> Json:
    place = link.path.index(node)
    # The ends are the ends of the association; a relay names itself and the far end.
    remote = link.path[0] if place == len(link.path) - 1 else link.path[-1]
    entry: Json = {
        "qkdl_id": link.qkdl_id,
        "qkdl_enable": True,
        "qkdl_type": identity("VIRT"),
        "qkdl_local": {"qkdn_id": node},
        "qkdl_remote": {"qkdn_id": remote},
        "virt_bandwidth": link.bandwidth_bps,
    }
    if place:
        entry["virt_prev_hop"] = link.path[place - 1]
    if place < len(link.path) - 1:
        entry["virt_next_hop"] = [link.path[place + 1]]
    return entry | _users(users)


def _physical_entry(link: PhysicalLink, node: str, users: Iterable[str]) -> Json:
    sends = node == link.one
    ends = (link.one, link.one_interface), (link.other, link.other_interface)
    here, there = ends if sends else reversed(ends)
    entry: Json = {
        "qkdl_id": link.qkdl_id,
        "qkdl_enable": True,
        "qkdl_type": identity("PHYS"),
        "qkdl_local": {"qkdn_id": here[0], "qkdi_id": here[1]},
        "qkdl_remote": {"qkdn_id": there[0], "qkdi_id": there[1]},
        "phys_qkd_role": identity("TRANSMITTER" if sends else "RECEIVER"),
    }
    if link.wavelength:
        entry["phys_wavelength"] = link.wavelength
    if link.attenuation_db is not None:
        entry["phys_channel_att"] = decimal(link.attenuation_db)
    return entry | _users(users)


def _users(users: Iterable[str]) -> Json:
    names = sorted(users)
    return {"qkdl_applications": names} if names else {}
