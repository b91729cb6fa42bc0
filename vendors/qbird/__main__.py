"""`python -m vendors.qbird`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import Qbird

if __name__ == "__main__":
    serve(Qbird())
