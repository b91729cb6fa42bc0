"""The command line: the roof of the house. Nothing imports it."""
