"""How the harness finds the emulated modules of Toshiba (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="toshiba",
    command=("{python}", "-m", "vendors.toshiba"),
    description="emulated T12 (decoy BB84) modules of Toshiba: O-band, keys by ETSI GS QKD 014",
)
