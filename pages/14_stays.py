"""Lesson: in wide networks the kernel hardly moves while they learn, and in some wide networks it does."""

from ntkviz.data import BreastCancer, CircleFunction, Digits, Moons, Rings, SphereMix
from ntkviz.experiments import movement, stays
from ntkviz.lessons.stays import LESSON
from ntkviz.ui.controls import UPLOADED, Reach
from ntkviz.ui.lesson import Page

N = 16  # points of each data set
OFFERED = (
    *(LESSON.default.spec.data, CircleFunction(n=N), SphereMix(n=N), Moons(n=N), Rings(n=N)),
    *(Digits(question="0-1", n=N), BreastCancer(n=N), UPLOADED),
)

page = Page(LESSON)
page.open()
page.introduction(
    r"""
The **tangent kernel** $\Theta(x, x')$ says by how much a small step of training at $x$ changes the output at $x'$. It
depends on the weights of the network, and training moves the weights. The **drift** is the distance of the kernel to
that at the start, $\|\Theta - \Theta_0\|/\|\Theta_0\|$, over all pairs of training points. We write $n$ for the width,
the number of neurons in each hidden layer, and $c$ for the size of a step: $c = \eta\lambda_{\max}$, where $\eta$ is
the learning rate and $\lambda_{\max}$ the largest eigenvalue of $\Theta_0$.
"""
)


def explore() -> None:
    spec = page.controls(
        first=("width", "c", "activation", "parameterization"),
        more=("data", "depth", "alpha", "readout", "sigma_w", "sigma_b", "steps", "seeds", "seed"),
        narrow={
            "width": Reach(16, stays.WIDEST),
            "c": Reach(0.1, 3.8),
            "depth": Reach(1, stays.DEEPEST),
            "alpha": Reach(options=(0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)),
            "sigma_w": Reach(options=(0.5, 1.0, 2**0.5, 1.5, 2.0)),
            "sigma_b": Reach(0.0, 2.0, step=0.1),
            "steps": Reach(options=(100, 300, 1000, 2000)),
            "seeds": Reach(2, 10),
            "seed": Reach(0, 20),
        },
        data=OFFERED,
        hidden=("label_noise",),
    )
    page.run(spec, "a")
    page.run(spec, "b", heading="Networks of other widths")


page.fragment(explore)
page.theory(
    r"""
The output must change by an amount that the targets decide, whatever the width is. In the NTK parameterization a
network of width $n$ reaches this with weights that move by $1/\sqrt n$ of their size in the first and in the last
layer, and by $1/n$ in a hidden matrix. The kernel is a sum over neurons that depends smoothly on the weights, so that

$$
\frac{\|\Theta - \Theta_0\|}{\|\Theta_0\|} \sim \frac1n .
$$

At a kink, as in ReLU, a neuron may switch on or off at a point, which changes the kernel more: the exponent lies
between $-1$ and $-\tfrac12$.

Where the kernel stays constant, the network is its own first-order Taylor expansion in the weights. Three things end
this, **at every width**:

- **A large step.** For $c > 2$ a linear model diverges. A network can still converge, but only after its kernel has
  shrunk, until the step is stable again.
- **µP.** Its output is smaller by $1/\sqrt n$ at the start, so that the weights must move further, by just the factor
  that the width had gained.
- **A nonlinear readout** $\rho(F)$. Its kernel is $\rho'(F)\,\rho'(F')\,\Theta$, and $F$ changes by as much at every
  width. Where the targets $y$ are reached, the factors are $\rho'(\rho^{-1}(y))$.

A small output scale $\alpha$, in $F = \alpha\,(f(w) - f(w_0))$, only moves the place where the fall begins: a network
is lazy where $n \gg 1/\alpha^2$.
"""
)
page.notes(
    r"""
- *A smooth network, 4 minutes.* Let everybody guess. Then move the slider under the pictures: nothing seems to happen.
  Lower the width to 16.
- *ReLU, 2 minutes.* Let the class sketch the fall, and compare the exponent with that of the smooth network.
- *Three hidden layers, 3 minutes.* Which layer should move most? Compare the norms: the strongest direction of a hidden
  matrix moves like $1/\sqrt n$, although the matrix as a whole moves like $1/n$.
- *A large step, µP, a nonlinear readout, 4 minutes.* Three wide networks whose kernel moves. Ask each time what decides
  how far. For the readout it was known beforehand: the dashed line.
- *A small output scale, 2 minutes.* It falls, but from far above.
"""
)
page.references(
    (
        "A. Jacot, F. Gabriel, C. Hongler 2018, *Neural tangent kernel: convergence and generalization in neural "
        "networks*: the kernel stays constant as the width grows.",
        "J. Lee, L. Xiao, S. Schoenholz et al. 2019, *Wide neural networks of any depth evolve as linear models under "
        "gradient descent*: a bound of the drift.",
        "E. Dyer, G. Gur-Ari 2020, *Asymptotics of wide networks from Feynman diagrams*; J. Huang, H.-T. Yau 2020, "
        "*Dynamics of deep neural networks and neural tangent hierarchy*: corrections of order 1/n.",
        "C. Liu, L. Zhu, M. Belkin 2020, *On the linearity of large non-linear models: when and why the tangent kernel "
        "is constant*: a nonlinear output layer.",
        "G. Yang, E. J. Hu 2021, *Feature learning in infinite-width neural networks*: µP.",
        "A. Lewkowycz, Y. Bahri, E. Dyer et al. 2020, *The large learning rate phase of deep learning: the catapult "
        "mechanism*: large steps.",
        "L. Chizat, E. Oyallon, F. Bach 2019, *On lazy training in differentiable programming*: the output scale.",
    )
)
page.source(stays.run, movement.run)
