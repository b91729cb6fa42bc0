"""The measuring station of MDI QKD: which two senders interfere in a tick, and what its detectors show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import combinations

from harness.plant.plan import HubPlan
from harness.plant.session import Session, Train
from qkd.optical.v1 import plant_pb2


class Hub:
    """One hub. With more than two senders every pair has its tick, in turn.

    Args:
        plan: of the hub.
        arms: names of its arms.

    Attributes:
        tick: number of the present tick; -1 before the first.
    """

    def __init__(self, plan: HubPlan, arms: tuple[str, ...]) -> None:
        self.port_id = plan.port_id
        self.arms = arms
        self.tick = -1
        self._octets = plan.parity_octets
        self._pair: tuple[str, ...] = ()

    def begin(self, tick: int, senders: Sequence[str]) -> None:
        """A tick begins with these senders plugged in at the ends of its arms."""
        self.tick = tick
        pairs = list(combinations(senders, 2))
        self._pair = pairs[tick % len(pairs)] if pairs else ()

    def partner(self, port_id: str) -> str | None:
        """With whose light that of a sender interferes in this tick; None = nobody's."""
        if port_id not in self._pair:
            return None
        return self._pair[1] if port_id == self._pair[0] else self._pair[0]

    def why_alone(self, port_id: str) -> str:
        """For people: why a sender has no partner."""
        if self._pair and port_id not in self._pair:
            return f"{self.port_id} measures {' with '.join(self._pair)} in this tick; wait for your turn"
        return f"{self.port_id} needs a second sender, there from the start of the tick"

    def outcome(
        self,
        one: tuple[Session, Train],
        other: tuple[Session, Train],
        path: Callable[[Session, Train], plant_pb2.PathState],
    ) -> plant_pb2.BellOutcome:
        """What two trains give: the paths of both and the parity of their bits, never a seed."""
        # The order of the arms, whoever was first.
        one, other = sorted((one, other), key=lambda sent: self._pair.index(sent[0].port_id))
        bits = (int.from_bytes(hashlib.shake_256(sent[1].seed).digest(self._octets), "big") for sent in (one, other))
        return plant_pb2.BellOutcome(
            tick=one[1].tick,
            one_port=one[0].port_id,
            other_port=other[0].port_id,
            one_path=path(*one),
            other_path=path(*other),
            parity=(next(bits) ^ next(bits)).to_bytes(self._octets, "big"),
        )
