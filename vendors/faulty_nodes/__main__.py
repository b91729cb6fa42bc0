"""`python -m vendors.faulty_nodes`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import FaultyNodes

if __name__ == "__main__":
    serve(FaultyNodes())
