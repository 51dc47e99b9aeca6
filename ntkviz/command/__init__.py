"""The command line: kernels, spectra and experiments without a browser (`python -m ntkviz`)."""
