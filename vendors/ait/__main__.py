"""`python -m vendors.ait`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import Ait

if __name__ == "__main__":
    serve(Ait())
