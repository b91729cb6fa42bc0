"""AIT: experimental continuous-variable modules with four states."""
