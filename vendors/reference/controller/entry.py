"""How the harness finds the reference SDN controllers (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="controller",
    command=("{python}", "-m", "vendors.reference.controller"),
    description="the reference SDN controller: ETSI GS QKD 015 over RESTCONF to nodes, T-API 2.1.3 to optical switches",
)
