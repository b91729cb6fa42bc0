"""What the controller wants the network to be: nodes, links, applications. Plain data, kept in the store."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

_INTERNAL = uuid.UUID("3b8f5f6e-9b0e-4f0c-8d0d-6a4f0a4f7a55")  # name space of INTERNAL applications, made up


class Stage(enum.StrEnum):
    """How far a change has come. It is stored before the first write to a node, so that it can be gone on with."""

    MAKING = "making"
    UP = "up"
    GOING = "going"


class Admission(enum.StrEnum):
    """See `qkd.control.v1.Admission`."""

    WAITING = "waiting"
    ADMITTED = "admitted"
    REFUSED = "refused"
    PREEMPTED = "preempted"
    STRANDED = "stranded"
    # It has left: its entries go.
    GOING = "going"


class _Record:
    """Written to the store as JSON; fields that a later version added take their defaults."""

    def body(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # subclasses are dataclasses

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """From the store; unknown fields are ignored."""
        names = {one.name for one in fields(cls)}  # type: ignore[arg-type]  # likewise
        return cls(**{name: value for name, value in body.items() if name in names})


@dataclass(slots=True)
class NodeRecord(_Record):
    """A node that is controlled. `qkdn_id` is empty until it was reached."""

    url: str
    domain: str = ""
    qkdn_id: str = ""


@dataclass(slots=True)
class PhysicalLink(_Record):
    """A link between two interfaces.

    Attributes:
        one, other: qkdn_id of the ends; `one` sends.
        one_interface, other_interface: qkdi_id.
        wavelength: as phys_wavelength.
        light_path: UUID of the connectivity service; empty = patched.
        tapi_url: where it is.
        lit: the light path is there (or none is needed): the nodes may be told.
    """

    qkdl_id: str
    one: str
    one_interface: int
    other: str
    other_interface: int
    wavelength: str = ""
    attenuation_db: float | None = None
    light_path: str = ""
    tapi_url: str = ""
    lit: bool = True
    stage: Stage = Stage.MAKING

    def __post_init__(self) -> None:
        self.stage = Stage(self.stage)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Where it is configured; the receiver first."""
        return (self.other, self.one)


@dataclass(slots=True)
class VirtualLink(_Record):
    """Keys relayed along `path` (qkdn_ids, both ends among them) over `hops` (qkdl_ids of PHYS links).

    Attributes:
        left: nodes of the path before that have to lose it.
        left_hops: hops of the path before, as [qkdl_id, qkdn_id, qkdn_id], whose INTERNAL application goes.
    """

    qkdl_id: str
    path: list[str]
    hops: list[str]
    bandwidth_bps: int = 0
    app_id: str = ""
    stage: Stage = Stage.MAKING
    left: list[str] = field(default_factory=list)
    left_hops: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stage = Stage(self.stage)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Where it is configured."""
        return tuple(self.path)

    @property
    def hop_ends(self) -> list[list[str]]:
        """Each hop with its two nodes: [qkdl_id, qkdn_id, qkdn_id]."""
        return [list(one) for one in zip(self.hops, self.path, self.path[1:], strict=False)]

    def move(self, path: Sequence[str], hops: Sequence[str]) -> None:
        """Takes another path between the same ends; what it leaves is remembered until the nodes have lost it."""
        before, hops_before = self.path, self.hop_ends
        self.path, self.hops = list(path), list(hops)
        self.left = [node for node in dict.fromkeys((*self.left, *before)) if node not in self.path]
        known = [*self.left_hops, *hops_before]
        self.left_hops = [one for i, one in enumerate(known) if one[0] not in self.hops and one not in known[:i]]

    def internal_app_id(self, hop: str) -> str:
        """Of the INTERNAL application that stands for it on one of its hops; always the same."""
        return str(uuid.uuid5(_INTERNAL, f"{self.qkdl_id}/{hop}"))


@dataclass(slots=True)
class Application(_Record):
    """An application that a node, or somebody in the north, has told of.

    Attributes:
        qos: the six leaves of app_qos by name; absent = not asked for.
    """

    app_id: str
    server_app_id: str
    client_app_ids: list[str]
    server_qkdn_id: str
    client_qkdn_id: str = ""
    priority: int = 0
    qos: dict[str, int | bool] = field(default_factory=dict)
    backing: list[str] = field(default_factory=list)
    admission: Admission = Admission.WAITING
    reason: str = ""

    def __post_init__(self) -> None:
        self.admission = Admission(self.admission)

    @property
    def demand_bps(self) -> int:
        """What is reserved for it: min_bandwidth, or when it names none max_bandwidth. Bits a second."""
        return int(self.qos.get("min_bandwidth", self.qos.get("max_bandwidth", 0)))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Where it is configured."""
        return tuple(one for one in (self.server_qkdn_id, self.client_qkdn_id) if one)

    def is_between(self, server_app_id: str, client_app_ids: list[str]) -> bool:
        """Whether it is the one of these ends."""
        return self.server_app_id == server_app_id and sorted(self.client_app_ids) == sorted(client_app_ids)
