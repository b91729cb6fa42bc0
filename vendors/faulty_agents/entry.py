"""How the harness finds the collection (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry


def variants() -> tuple[str, ...]:
    """The names of all faults and lawful variants."""
    from .shelf import RECIPES  # noqa: PLC0415 - found without loading the agent

    return tuple(RECIPES)


ENTRY = VendorEntry(
    name="faulty-agents",
    command=("{python}", "-m", "vendors.faulty_agents"),
    description="variants of the reference SDN agent: single faults, and lawful differences",
    variants=variants,
)
