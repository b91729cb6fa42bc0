"""`python -m vendors.reference.controller`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import ControllerVendor

if __name__ == "__main__":
    serve(ControllerVendor())
