"""Modes of kernels as lessons show them: whole eigenspaces, their frequencies, and the spectra that they make.

`eigenspaces` and `target_modes` are of one kernel or of theory and network side by side, `followed` of a training,
`cases`, `curves` and `tails` of spectra that are compared, and `pictures` turns kernels and modes into what is drawn.
"""

from ntkviz.modes.eigenspaces import TopShare, eigenspaces, space_shares, top_share
from ntkviz.modes.followed import Modes, decay_rate, strongest

__all__ = ["Modes", "TopShare", "decay_rate", "eigenspaces", "space_shares", "strongest", "top_share"]
