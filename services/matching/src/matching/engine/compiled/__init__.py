"""Loops over arrays that numba compiles. Cached beside the modules, or where NUMBA_CACHE_DIR says.

They take the named tuples of `tables` as they are. Numbers are narrow on purpose: a loop over sixteen bits does twice
as many at once as one over thirty-two.
"""
