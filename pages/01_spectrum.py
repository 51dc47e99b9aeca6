"""Lesson: the eigenvalues of the tangent kernel say what a wide network learns, and in which order."""

import streamlit as st

from ntkviz.experiments import spectrum
from ntkviz.nets import Architecture
from ntkviz.ui import controls
from ntkviz.ui.lesson import Lesson

DATA = ("circle", "points", "sphere", "sphere_mix", "moons", "spirals", "rings")
MEASURED = ("digits", "breast_cancer", "wine", "diabetes", controls.TABLE)

lesson = Lesson(
    "spectrum", "Spectrum explorer", "Which functions come easily to a network, and how does the rest fade?"
)

lesson.open(
    {
        "Slope −2 at any depth": ("On the circle a ReLU network's kernel decays like k⁻², however deep it is.", {}),
        "NTK −2, NNGP −4": ("Training every layer leaves far more weight on fine detail.", {"compare": "kernel"}),
        "Digits": (
            "The modes of images are images; in higher dimension the spectrum is flatter.",
            {"data": "digits", "compare": "data"},
        ),
        "Narrow: no tail": (
            "With 32 neurons the first modes are there, the fine ones are not.",
            {"width": 32, "compare": "width"},
        ),
        "Convolution": (
            "Weights that are shared over patches of 3 × 3 pixels: on the same digits fewer modes count.",
            {"data": "digits", "digits_n": 128, "architecture": "conv", "width": 64, "compare": "none"},
        ),
        "Fails: no bias": (
            "Without biases one hidden layer gives odd frequencies from 3 on the eigenvalue 0: they are never learned.",
            {"depth": 1, "sigma_b": 0.0},
        ),
        "Fails: smooth": (
            "erf is smooth, so its eigenvalues fall exponentially: no power law, and fine detail is out of reach.",
            {"activation": "erf", "compare": "activation"},
        ),
        "Fails: raw images": (
            "Images that are not centred share one direction, and one mode takes most of the trace.",
            {"data": "digits", "digits_scale": "none"},
        ),
    }
)


def explore() -> None:
    (first, second, third, fourth), more = lesson.row(4)
    with first:
        depth = controls.field(Architecture, "depth", default=2, low=1, high=10)
    with second:
        width = controls.field(Architecture, "width", low=16, high=2048)
    with third:
        data = controls.data((*DATA, *MEASURED), default="circle", more=more, hidden=("label_noise",), n=256, most=4000)
    with fourth:
        compare = controls.field(spectrum.Spec, "compare")
    with more:
        architecture = controls.architecture()
        activation = controls.activation(trained=False)
        sigma_b = controls.field(Architecture, "sigma_b", default=0.3, low=0.0, high=2.0, step=0.1)
        sigma_w = controls.field(Architecture, "sigma_w", options=(0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0))
        seed = controls.field(spectrum.Spec, "seed", high=20)

    spec = spectrum.Spec(
        arch=architecture(depth=depth, width=width, activation=activation, sigma_b=sigma_b, sigma_w=sigma_w),
        data=data,
        seed=seed,
        compare=compare,
    )
    lesson.run(spectrum, spec)


lesson.live(explore)

st.markdown(
    r"""
The tangent kernel on $N$ points is a symmetric, positive semi-definite matrix, so it has modes:

$$
\Theta = \sum_i \lambda_i\, u_i u_i^\top, \qquad \lambda_1 \ge \dots \ge \lambda_N \ge 0 .
$$

A wide network learns along $u_i$ at the rate $\lambda_i$. **Three things decide how hard a task is**: the spectrum (how
fast), the modes (which functions), and the share $(u_i^\top y)^2/\|y\|^2$ of the target in each. Move the slider or
click a mode: all three move together.

**On the circle** the modes at infinite width are waves, and for a nonlinearity with a kink $\lambda_k \sim k^{-2}$ at
*every* depth, with skips and layer norm too (NNGP: $k^{-4}$); on the sphere $S^{d-1}$ it is $k^{-d}$, which over the
mode number is $i^{-d/(d-1)}$.
Depth, activation and data do change the kernel; only this exponent is left alone by the depth. On measured data there
is no such law, and the slope fitted over a few hundred modes does fall with depth.

**A network of finite width** has a random kernel near this one, $\|\Theta_n-\Theta_\infty\| \sim n^{-1/2}$. The large
eigenvalues barely notice; the small ones are the first that a narrow network loses. A cosine and a sine of one
frequency share an eigenvalue, so theory leaves their phase open: it is drawn in the phase of the network.
"""
)
lesson.notes(
    """
- *Default view, 3 minutes.* Ask: which frequencies are in the target? (1, 3, 5: the bars.) Which is learned first?
  Then move the depth from 1 to 10: the eigenvalues move, the slope of −2 does not.
- *No bias, 2 minutes.* A quarter of the target lies in modes with eigenvalue zero. What will gradient descent do with
  them? (Nothing, ever.) Then raise the depth to 2, or σ_b under “More”.
- *Digits, 3 minutes.* Step through the eigen-images: coarse shapes first, strokes later. Whether a digit is odd or
  even is spread over dozens of modes, while the circle's target sits in eleven.
- *Architectures, 3 minutes* (“More”). On the circle skips and layer norm change the eigenvalues and leave the slope of
  −2. On digits compare the effective rank of the fully connected network with that of a convolution, and then of one
  with global average pooling on 64 digits, which hardly tells centred images apart: one mode takes most of the trace.
- *Widths, 2 minutes.* Compare “widths of the network”: at which mode does n = 16 leave the theory? What does a
  network learn there?
- *Beware.* The dotted floor, where it appears, is rounding: nothing below it means anything, and nothing is fitted
  through it. On fewer than about 85 points nothing is fitted at all.
- Claims of the ledger: 4 (a positive semi-definite kernel) and 20 (depth, activation and data change it).
"""
)
lesson.references(
    [
        "A. Jacot, F. Gabriel, C. Hongler 2018, *Neural tangent kernel: convergence and generalization in neural "
        "networks*: the kernel.",
        "R. Basri, D. Jacobs, Y. Kasten, S. Kritchman 2019, *The convergence rate of neural networks for learned "
        "functions of different frequencies*: the circle, and the odd frequencies lost without a bias.",
        "A. Bietti, J. Mairal 2019, *On the inductive bias of neural tangent kernels*: the decay on the sphere.",
        "A. Bietti, F. Bach 2021, *Deep equals shallow for ReLU networks in kernel regimes*: the same at every depth.",
    ]
)
lesson.source(spectrum.run)
