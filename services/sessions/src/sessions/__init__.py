"""Agreements of pairs, and their sessions: planned, cancelled, held."""
