"""How the harness finds the emulated modules of AIT (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="ait",
    command=("{python}", "-m", "vendors.ait"),
    description="emulated CV-QPSK modules of AIT: keys pushed over TCP, come and go",
)
