"""ETSI GS QKD 014: requirement register, fixtures, test cases for the KME role."""
