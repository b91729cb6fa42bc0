"""The reference KMS: ETSI GS QKD 014 over HTTPS and over gRPC, from one store. README.md is the tour."""
