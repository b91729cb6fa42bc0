"""`python -m vendors.reference`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import ReferenceVendor

if __name__ == "__main__":
    serve(ReferenceVendor())
