"""How the harness finds the emulated modules of Huawei Düsseldorf (entry point `qkd_harness.vendors`)."""

from harness.sdk import VendorEntry

ENTRY = VendorEntry(
    name="hwdu",
    command=("{python}", "-m", "vendors.huawei"),
    description="emulated CV modules of Huawei Düsseldorf: free pairing, tunable, keys by stream",
)
