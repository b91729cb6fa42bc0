"""`python -m vendors.toshiba`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import Toshiba

if __name__ == "__main__":
    serve(Toshiba())
