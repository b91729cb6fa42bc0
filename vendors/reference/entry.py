"""How the harness finds the reference KMS (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="reference",
    command=("{python}", "-m", "vendors.reference"),
    description="the reference KMS: everything that ETSI GS QKD 014 allows",
)
