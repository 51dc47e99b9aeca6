"""Lesson: the eigenvalues of the tangent kernel say what a wide network learns, and in which order."""

from ntkviz.data import (
    BreastCancer,
    CircleFunction,
    CirclePoints,
    Diabetes,
    Digits,
    Moons,
    Rings,
    Sphere,
    SphereMix,
    Spirals,
    Wine,
)
from ntkviz.experiments import decay, spectrum
from ntkviz.lessons.spectrum import LESSON
from ntkviz.ui.controls import UPLOADED, Reach
from ntkviz.ui.lesson import Page

N = 256  # points of each data set
SAMPLED = (CircleFunction(n=N), CirclePoints(), Sphere(n=N), SphereMix(n=N), Moons(n=N), Spirals(n=N), Rings(n=N))
MEASURED = (Digits(n=N), BreastCancer(n=N), Wine(), Diabetes(n=N), UPLOADED)

page = Page(LESSON)
page.open()
page.introduction(
    r"""
The kernel $\Theta(x, x')$ says how much the output at $x'$ moves when the network is trained at $x$. On $N$ inputs it
is a matrix, and a **mode** is an eigenvector of this matrix: a pattern of outputs that is learned as a whole, at a rate
given by its **eigenvalue** $\lambda$. A mode with half the eigenvalue takes twice as long.
"""
)


def explore() -> None:
    spec = page.controls(
        first=("depth", "width", "data", "compare"),
        more=("architecture", "activation", "sigma_b", "sigma_w", "seed"),
        narrow={
            "depth": Reach(1, 10),
            "width": Reach(16, 2048),
            "sigma_b": Reach(0.0, 2.0, step=0.1),
            "sigma_w": Reach(options=(0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0)),
            "seed": Reach(high=20),
        },
        data=(*SAMPLED, *MEASURED),
        hidden=("label_noise",),
        trained=False,
    )
    page.run(spec, "a")
    page.run(spec, "b", heading="Spectra side by side")


page.fragment(explore)
page.theory(
    r"""
$$
\Theta = \sum_i \lambda_i\, u_i u_i^\top, \qquad \lambda_1 \ge \dots \ge \lambda_N \ge 0 .
$$

A wide network learns along the mode $u_i$ at the rate $\lambda_i$. **Three things decide how hard a task is**: the
eigenvalues (how fast), the modes (which patterns), and the share $(u_i^\top y)^2/\|y\|^2$ of the target $y$ in each.
Modes with one eigenvalue share an eigenspace, whose basis the kernel leaves open: only the share of the whole space has
a meaning.

**On the circle** the modes at infinite width are waves. A cosine and a sine of one frequency $k$ share an eigenvalue.
Theory does not fix their phase, so they are drawn with the phase of the network. How the eigenvalues fall depends on
the first derivative of the nonlinearity $\varphi$ that jumps, and not on the depth:

| nonlinearity | NTK | NNGP (last layer alone) |
|---|---|---|
| the first derivative jumps (ReLU, absolute value) | $k^{-2}$ | $k^{-4}$ |
| the second derivative jumps (ELU, softsign) | $k^{-4}$ | $k^{-6}$ |
| smooth, without poles (erf, GELU) | about $e^{-ck}$ | about $e^{-ck}$ |
| smooth, with poles off the real line (tanh, SiLU) | $e^{-ck^{p}}$ with $p < 1$ | $e^{-ck^{p}}$ |

Skips and layer norm keep these laws. On the sphere $S^{d-1}$ the first law is $k^{-d}$ in the degree $k$, which is
$i^{-d/(d-1)}$ over the mode number $i$. The laws belong to the *integral operator*, the limit of infinitely many
points. The eigenvalues of a matrix on $N$ points, divided by $N$, are near to those of the operator for small $i$, and
not for $i$ near $N$. On measured data there is no such law.

**A network of finite width** has a random kernel near the theory's, $\|\Theta_n-\Theta_\infty\| \sim n^{-1/2}$. The
large eigenvalues barely change; the small ones are the first that a narrow network loses.
"""
)
page.notes(
    """
- *ReLU on a circle, 4 minutes.* Let the class sketch. Then move the depth from 1 to 10: the eigenvalues move, the slope
  does not.
- *One layer without biases, 2 minutes.* What will gradient descent do with frequencies whose eigenvalue is zero?
  (Nothing, ever.) Raise the depth to 2, or σ_b under “More”. Then try erf and the absolute value.
- *All layers or the last one, and With and without a kink, 4 minutes.* Compare what rough and smooth kernels keep.
- *Digits, 4 minutes.* Step through the images of the modes: coarse shapes first, strokes later.
- *32 neurons, 2 minutes.* Double the width a few times. By how much does the mode move from which on modes are lost?
- *Architectures, 2 minutes.* Under “More”, set the head of the convolution to global average pooling, on 64 digits.
- *Beware.* Where a dotted floor is drawn, nothing below it can be told from zero, and nothing is fitted there.
"""
)
page.references(
    (
        "A. Jacot, F. Gabriel, C. Hongler 2018, *Neural tangent kernel: convergence and generalization in neural "
        "networks*: the kernel.",
        "R. Basri, D. Jacobs, Y. Kasten, S. Kritchman 2019, *The convergence rate of neural networks for learned "
        "functions of different frequencies*: the circle, and the odd frequencies lost without a bias.",
        "A. Bietti, J. Mairal 2019, *On the inductive bias of neural tangent kernels*: the decay on the sphere.",
        "A. Bietti, F. Bach 2021, *Deep equals shallow for ReLU networks in kernel regimes*: the same at every depth.",
    )
)
page.source(spectrum.run, decay.run)
