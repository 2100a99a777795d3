"""Matching: rounds, proposals and pairs."""
