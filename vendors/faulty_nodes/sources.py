"""Faults in how several sources of a link are combined and reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vendors.reference.intake.choice import Combining
from vendors.reference.intake.intakes import Intakes, SourceReport
from vendors.reference.intake.parts import PartStore

from .catalogue import fault


class _FirstAlone(PartStore):
    """Makes blocks of the first strand; those of the others are used up all the same."""

    def plan(self, compositions: Any) -> Any:
        listed = list(compositions)
        whole = super().plan(listed)
        alone = super().plan([one._replace(strands=one.strands[:1]) for one in listed])
        return whole._replace(blocks=alone.blocks)


@fault("one-source-only", "NODE-COMB-1")
class OneSourceOnly(Intakes):
    """Waits for all sources, and makes keys of the first."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for intake in self.intakes.values():
            intake.parts.__class__ = _FirstAlone


@fault("goes-on-with-one", "NODE-COMB-2")
class GoesOnWithOne(Intakes):
    """When a source is silent the others go on, whatever the policy."""

    def __init__(self, *args: Any, combining: Any, **named: Any) -> None:
        mild = {
            peer: Combining.ALL_ELSE_REMAINING if policy == Combining.ALL else policy
            for peer, policy in combining.items()
        }
        super().__init__(*args, combining=mild, **named)


@fault("never-goes-on", "NODE-COMB-5")
class NeverGoesOn(Intakes):
    """When a source is silent there are no keys, whatever the policy."""

    def __init__(self, *args: Any, combining: Any, **named: Any) -> None:
        strict = {
            peer: Combining.ALL if policy == Combining.ALL_ELSE_REMAINING else policy
            for peer, policy in combining.items()
        }
        super().__init__(*args, combining=strict, **named)


@fault("never-reports-silent", "NODE-SRC-2")
class NeverReportsSilent(Intakes):
    """A source that has failed is reported like any other."""

    def report(self) -> list[SourceReport]:
        """See `Intakes`."""
        return [replace(one, silent=False) for one in super().report()]


@fault("pending-not-told", "NODE-SRC-4")
class PendingNotTold(Intakes):
    """What waits for the other end, or was dropped, does not show."""

    def report(self) -> list[SourceReport]:
        """See `Intakes`."""
        return [replace(one, pending_bits=0, dropped_bits=0) for one in super().report()]
