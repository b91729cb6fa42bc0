"""How the harness finds the emulated modules of ID Quantique (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="idq",
    command=("{python}", "-m", "vendors.idquantique"),
    description="emulated Cerberis 3 (COW) of ID Quantique: keys by ETSI GS QKD 014",
)
