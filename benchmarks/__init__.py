"""Benchmarks: each prints a table, and compares in one run where there is something to compare with."""
