"""How the harness finds the emulated modules of Q*Bird (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="qbird",
    command=("{python}", "-m", "vendors.qbird"),
    description="emulated Falqon series (MDI) of Q*Bird: senders, and a hub without keys",
)
