"""How implementations are found: entry points of the group ``qkd_harness.vendors``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

GROUP = "qkd_harness.vendors"


def no_variants() -> tuple[str, ...]:
    """The default of `VendorEntry.variants`."""
    return ()


@dataclass(frozen=True)
class VendorEntry:
    """How to launch an implementation that is installed here.

    Attributes:
        name: name on the command line.
        command: program and arguments; "{python}" stands for the running interpreter.
        description: one line.
        variants: gives the variants it can raise, without starting it.
    """

    name: str
    command: tuple[str, ...]
    description: str
    variants: Callable[[], tuple[str, ...]] = no_variants

    def argv(self) -> tuple[str, ...]:
        """`command` with its placeholder filled in."""
        return tuple(part.replace("{python}", sys.executable) for part in self.command)


def find_vendors() -> dict[str, VendorEntry]:
    """All installed implementations by name, in order of their names.

    Raises:
        LookupError: when an entry point cannot be loaded, gives something else than a `VendorEntry`, or
            two entries bear the same name.
    """
    found: dict[str, VendorEntry] = {}
    for point in entry_points(group=GROUP):
        try:
            entry = point.load()
        except (ImportError, AttributeError) as error:
            raise LookupError(f"entry point {point.name} = {point.value!r} ({GROUP}): {error}") from error
        if not isinstance(entry, VendorEntry):
            raise LookupError(f"entry point {point.name} = {point.value!r} ({GROUP}) is not a VendorEntry")  # noqa: TRY004 - one error for all that can be wrong with an entry point
        if entry.name in found:
            raise LookupError(f"two implementations are named {entry.name!r} ({GROUP})")
        found[entry.name] = entry
    return dict(sorted(found.items()))
