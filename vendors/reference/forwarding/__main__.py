"""`python -m vendors.reference.forwarding`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import ForwardingVendor

if __name__ == "__main__":
    serve(ForwardingVendor())
