"""`python -m vendors.reference.node`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import NodeVendor

if __name__ == "__main__":
    serve(NodeVendor())
