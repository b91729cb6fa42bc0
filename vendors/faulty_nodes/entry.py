"""How the harness finds the collection (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry


def variants() -> tuple[str, ...]:
    """The names of all faults and lawful variants."""
    from .shelf import RECIPES  # noqa: PLC0415 - found without loading the node

    return tuple(RECIPES)


ENTRY = VendorEntry(
    name="faulty-nodes",
    command=("{python}", "-m", "vendors.faulty_nodes"),
    description="variants of the reference node: single faults, and lawful differences",
    variants=variants,
)
