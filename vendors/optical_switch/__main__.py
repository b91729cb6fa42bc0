"""`python -m vendors.optical_switch`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import OpticalSwitchVendor

if __name__ == "__main__":
    serve(OpticalSwitchVendor())
