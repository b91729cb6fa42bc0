"""How the harness finds the reference SDN agent (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="reference-agent",
    command=("{python}", "-m", "vendors.reference.agent"),
    description="the reference SDN agent: ETSI GS QKD 015 over RESTCONF and gRPC, in front of a live node",
)
