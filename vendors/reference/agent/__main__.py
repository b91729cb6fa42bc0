"""`python -m vendors.reference.agent`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import AgentVendor

if __name__ == "__main__":
    serve(AgentVendor())
