"""`python -m vendors.faulty_agents`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import FaultyAgents

if __name__ == "__main__":
    serve(FaultyAgents())
