"""`python -m vendors.idquantique`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import IdQuantique

if __name__ == "__main__":
    serve(IdQuantique())
