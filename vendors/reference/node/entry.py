"""How the harness finds the reference node (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="reference-node",
    command=("{python}", "-m", "vendors.reference.node"),
    description="the reference KMS and the reference forwarding module in one process",
)
