"""Benchmarks: each prints a table. Programs that are compared are measured in the same run, in turns."""
