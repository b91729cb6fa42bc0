"""`python -m vendors.faulty_modules`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import FaultyModules

if __name__ == "__main__":
    serve(FaultyModules())
