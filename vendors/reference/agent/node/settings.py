"""What can be set on a live node, with defaults: `ProvisionAgentRequest.settings` by name behind "node_"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

PREFIX = "node_"


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Bounds and intervals of one node, seconds unless they say otherwise. Immutable; checked when made.

    Attributes:
        poll_s: between two looks at the KME and the forwarding module.
        call_s: bounds each call to a part of the node.
        told_s: how long `apply` waits for the parts to be told.
        longest_pause_s: the longest pause before a part that went away is tried again.
        statistics_period_s: length of a period of application statistics.
        statistics_periods: how many of them are kept.
        perf_interval_s: shortest time between two sdqkdn_link_perf_update of one link.
        perf_change: relative change of a figure that is worth one.
        idle_s: an application whose SAEs have asked, and then not for so long, is disconnected.
    """

    poll_s: float = 1.0
    call_s: float = 5.0
    told_s: float = 5.0
    longest_pause_s: float = 2.0
    statistics_period_s: float = 60.0
    statistics_periods: float = 60
    perf_interval_s: float = 10.0
    perf_change: float = 0.1
    idle_s: float = 300.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) <= 86400:
                raise ValueError(f"{field.name} is above 0 and at most 86400")

    @classmethod
    def from_text(cls, texts: Mapping[str, str]) -> NodeSettings:
        """The settings in their text form over the defaults. Names without the prefix are others' and passed over.

        Raises:
            ValueError: a name is unknown, or a text is no number; says which.
        """
        known = {field.name for field in fields(cls)}
        values: dict[str, float] = {}
        for name, text in texts.items():
            if not name.startswith(PREFIX):
                continue
            if name.removeprefix(PREFIX) not in known:
                listed = ", ".join(PREFIX + one for one in sorted(known))
                raise ValueError(f"unknown setting {name!r}; known are {listed}")
            try:
                values[name.removeprefix(PREFIX)] = float(text)
            except ValueError:
                raise ValueError(f"setting {name}: {text!r} is not a number") from None
        return cls(**values)
