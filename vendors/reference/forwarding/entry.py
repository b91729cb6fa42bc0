"""How the harness finds the reference forwarding modules (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="forwarding",
    command=("{python}", "-m", "vendors.reference.forwarding"),
    description="the reference forwarding module: trusted relays, one-time pad and one-time MAC on every hop",
)
