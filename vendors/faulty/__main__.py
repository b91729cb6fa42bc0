"""`python -m vendors.faulty`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import FaultyVendor

if __name__ == "__main__":
    serve(FaultyVendor())
