"""YANG modules, as data of this package."""
