"""The syllabus: one table of lessons, from which navigation, start page, warm-up and tests follow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One lesson: its file in `pages/`, its words, its place in the link and the experiment that it shows."""

    section: str
    file: str
    path: str
    title: str
    question: str


LESSONS = (
    Entry(
        "Kernels",
        "01_spectrum.py",
        "spectrum",
        "Spectrum explorer",
        "What can a kernel see? Its eigenvalues and eigenfunctions, for any depth, activation and data.",
    ),
    Entry(
        "Training",
        "02_train.py",
        "train",
        "Train and predict",
        "Can training be predicted before it starts? A real network against the closed form.",
    ),
    Entry(
        "Regimes",
        "03_lazy.py",
        "lazy",
        "Lazy or feature learning",
        "When do the weights stay, and when do features form? One scale decides.",
    ),
)
