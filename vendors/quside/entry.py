"""How the harness finds the generator (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="quside",
    command=("{python}", "-m", "vendors.quside"),
    description="a quantum random number generator, emulated: entropy by REST and gRPC, with health tests",
)
