"""Lesson: the spectrum of the tangent kernel says what a wide network learns, and in which order."""

from dataclasses import replace

import streamlit as st

from ntkviz.experiments import spectrum
from ntkviz.figures.spectrum import view
from ntkviz.nets import Architecture
from ntkviz.ui import controls
from ntkviz.ui.controls import TABLE
from ntkviz.ui.lesson import Lesson

DATA = (
    "circle", "points", "sphere", "sphere_mix", "moons", "spirals", "rings",
    "digits", "breast_cancer", "wine", "diabetes", TABLE,
)  # fmt: skip

lesson = Lesson(
    "spectrum", "Spectrum explorer", "Which functions does a network find easy, and how fast does the rest fade?"
)

(first, second, third, fourth), more = lesson.open(4)
with first:
    depth = controls.field(Architecture, "depth", default=2, low=1, high=10)
with second:
    width = controls.field(Architecture, "width", default=512, low=16, high=2048)
with third:
    data = controls.data(DATA, default="circle", more=more, hidden=("label_noise",), n=256)
with fourth:
    compare = controls.field(spectrum.Spec, "compare")
with more:
    activation = controls.activation()
    sigma_b = controls.field(Architecture, "sigma_b", default=0.3, low=0.0, high=2.0, step=0.1)
    sigma_w = controls.field(Architecture, "sigma_w", options=(0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0), default=2**0.5)
    seed = controls.field(spectrum.Spec, "seed", high=20)

arch = Architecture(depth=depth, width=width, activation=activation, sigma_b=sigma_b, sigma_w=sigma_w)
spec = spectrum.Spec(arch=arch, data=data, seed=seed, compare=compare)

lesson.run(spectrum, spec, view)
