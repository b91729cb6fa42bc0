"""Implementations that can be launched: by a command, or by the name of one that is installed."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

from harness.cli.exits import UserError
from harness.document.problem import closest
from harness.hosting import LaunchSpec
from harness.sdk.entries import GROUP, VendorEntry
from harness.target.model import Launch


def vendor_names() -> list[str]:
    """The names of the implementations that are installed."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def vendor_entry(name: str) -> VendorEntry:
    """The installed implementation of this name.

    Raises:
        UserError: there is none, or it cannot be loaded.
    """
    points = entry_points(group=GROUP, name=name)
    if not points:
        near = closest(name, vendor_names())
        raise UserError(
            f"no implementation named {name!r} is installed" + (f"; did you mean {near!r}?" if near else "")
        )
    try:
        entry = next(iter(points)).load()
    except (ImportError, AttributeError) as wrong:
        raise UserError(f"the implementation {name!r} cannot be loaded: {wrong}") from None
    if not isinstance(entry, VendorEntry):
        raise UserError(f"the entry point of {name!r} ({GROUP}) is not a VendorEntry")
    return entry


def variants_of(name: str) -> tuple[str, ...]:
    """The variants that an installed implementation offers, without starting it.

    Raises:
        UserError: it cannot be asked.
    """
    entry = vendor_entry(name)
    try:
        return entry.variants()
    except Exception as wrong:  # noqa: BLE001 - an entry point is anybody's code
        raise UserError(f"the implementation {name!r} cannot tell its variants: {wrong}") from None


def launch_of(launch: Launch, folder: Path) -> LaunchSpec:
    """What ``[launch]`` starts; commands run in the folder of the target file.

    Raises:
        UserError: the implementation that it names cannot be loaded.
    """
    if launch.vendor:
        return LaunchSpec(vendor_entry(launch.vendor).argv(), name=launch.vendor, env=launch.environment)
    command = tuple(part.replace("{python}", sys.executable) for part in launch.command)
    return LaunchSpec(command, cwd=folder.resolve(), env=launch.environment)
