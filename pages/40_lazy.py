"""Lesson: one number, the output scale α, decides whether a network learns features or keeps its kernel."""

from ntkviz import scales
from ntkviz.data import BreastCancer, CircleFunction, Linear, SphereMix, Teacher
from ntkviz.experiments import lazy
from ntkviz.lessons.lazy import BASE, DIGITS, LESSON, ONE, PARITY
from ntkviz.measures import first_order
from ntkviz.ui.controls import Reach
from ntkviz.ui.lesson import Page

OFFERED = (
    *(BASE.data, ONE.data, Teacher(n=150, dim=20), PARITY.data, Linear(n=150, dim=20)),
    *(SphereMix(n=150, dim=4), CircleFunction(n=32), DIGITS.data, BreastCancer(n=150)),
)

page = Page(LESSON)
page.open()
page.introduction(
    r"""
We train the network $f$ in the form $F = \alpha\,(f(w) - f(w_0))$ with a loss that is divided by $\alpha^2$. Here $w$
are its weights, $w_0$ the weights at the start, and $\alpha$ the **output scale**. To change $F$ by a given amount, $f$
must change by $1/\alpha$ of it.

At **large α** (lazy) the weights move little. At **small α** (rich) they move far.

The tangent kernel $\Theta$ says how a step that changes $F$ at one input changes it at another. **Kernel regression**
with $\Theta$ is what training would reach if $\Theta$ kept its value and the network were infinitely wide. The
**linearised network** has the kernel of this network at the start, and keeps it.
"""
)


def explore() -> None:
    spec = page.controls(
        first=("data",),
        more=("width", "parameterization", "activation", "sigma_b", "narrower", "factor", "steps", "seed", "seeds"),
        narrow={
            "width": Reach(32, 512),
            "sigma_b": Reach(0.0, 1.0, step=0.1),
            "steps": Reach(options=(200, 400, 600, 1000, 2000, 3000, 4000)),
            "seed": Reach(0, 20),
        },
        data=OFFERED,
        hidden=("scale",),
    )
    page.run(spec, "a")


page.fragment(explore)
page.theory(
    r"""
**Large α, lazy.** The weights hardly move, the kernel keeps its value, and training is linear regression on the
features that the network has at the start. To first order in $1/\alpha$, after $k$ steps of size $\eta$,

$$
\frac{\|\Theta - \Theta_0\|}{\|\Theta_0\|} = \frac1\alpha\,\frac{\|\partial_w\Theta\,[u]\|}{\|\Theta_0\|},
\qquad u = J^\top \Theta_0^{-1}\bigl(1 - (1 - \eta\Theta_0)^k\bigr)\, y ,
$$

where $J$ holds the gradients of $f$ at the training points. This is the green line of the drift, which is computed
before training. For a smooth nonlinearity the drift is $A/\alpha + B/\alpha^2$ and comes down on this line. At a kink
neurons switch on and off, which a derivative does not see. This part falls between $1/\sqrt\alpha$ and $1/\alpha$.

**Small α, rich.** Neurons turn to directions that reduce the error, and the kernel changes with them. No kernel that is
known before training describes this.

The bands of the drift are conventions; nothing jumps there. In the NTK parameterization a network of width $n$ passes
from one to the other at constant $\alpha\sqrt n$: wider networks are lazier. **µP** is the NTK parameterization at
$\alpha/\sqrt n$, and there the place does not depend on the width.
"""
)
page.notes(
    r"""
- **Ask first** (2 min): *the same network is trained at nine values of α. Do all nine agree on new points?* Then
  reveal, and move α from 100 to 0.01. At which α do the neurons leave the ring, and what is the drift there?
- **Lazy is a kernel** (3 min): at the largest α compare the solid orange curve of the run with the green one. A
  sentence under the charts splits the way from there to kernel regression into a part of width and a part of time.
- **Counter-examples** (8 min): noisy targets, the fast wave, digits. Read first which runs fit the training data.
- **Width and µP** (5 min): compare the drift of two widths, then the same in µP.
"""
)
page.references(
    (
        "Chizat, Oyallon & Bach, *On lazy training in differentiable programming*, 2019.",
        "Geiger, Spigler, Jacot & Wyart, *Disentangling feature and lazy training in deep neural networks*, 2020.",
        "Yang & Hu, *Tensor programs IV: feature learning in infinite-width neural networks*, 2021.",
        "Petrini et al., *Learning sparse features can lead to overfitting in neural networks*, 2022.",
    )
)
page.source(scales.train_family, first_order.first_order_drift, lazy.run)
