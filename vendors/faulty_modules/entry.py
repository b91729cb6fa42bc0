"""How the harness finds the collection (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry


def variants() -> tuple[str, ...]:
    """The names of all faults and lawful variants."""
    from .shelf import RECIPES  # noqa: PLC0415 - found without loading the emulation

    return tuple(RECIPES)


ENTRY = VendorEntry(
    name="faulty-modules",
    command=("{python}", "-m", "vendors.faulty_modules"),
    description="variants of an emulated BB84 module: single faults, and lawful differences",
    variants=variants,
)
