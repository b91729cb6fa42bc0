"""`python -m vendors.quside`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import QusideVendor

if __name__ == "__main__":
    serve(QusideVendor())
