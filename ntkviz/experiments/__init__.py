"""Experiments: one file each, with the same four names.

    Spec              settings, frozen and validated
    Result            NumPy arrays, theory beside measurement, and the `spec` that made them
    cost(spec)        what a run takes, before it runs
    run(spec, report) the run itself

To add one, add a file; the protocol test walks this folder.
"""
