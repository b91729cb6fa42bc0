"""How the harness finds the emulated optical switches (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="optical-switch",
    command=("{python}", "-m", "vendors.optical_switch"),
    description="optical switches of the fibre plant behind ONF Transport API 2.1.3 (RESTCONF)",
)
