"""Lesson: a wide network is nearly linear in its weights, as far as training moves them."""

from ntkviz import comparison
from ntkviz.data import CirclePoints
from ntkviz.experiments import linear, widths
from ntkviz.lessons.linear import LESSON
from ntkviz.ui.controls import Reach
from ntkviz.ui.lesson import Page

page = Page(LESSON)
page.open()
page.introduction(
    r"""
The output $f(x; w)$ of a network is not linear in its weights $w$. Near the weights $w_0$ at the start it can be
replaced by a linear function of them, the first-order Taylor expansion

$$
f_{\mathrm{lin}}(x; w) = f(x; w_0) + \nabla_w f(x; w_0)\cdot(w - w_0) ,
$$

which is called the **linearisation** of the network. Its loss is convex, and its training is understood completely.
Here each network is trained beside its own linearisation, from the same weights and by the same steps. The **gap** is
the distance of the two functions.
"""
)


def explore() -> None:
    spec = page.controls(
        first=("c", "activation", "depth", "data"),
        more=("sigma_w", "sigma_b", "steps", "seeds", "seed"),
        narrow={
            "c": Reach(0.1, 4.5),
            "depth": Reach(1, 3),
            "sigma_w": Reach(options=(0.5, 1.0, 2**0.5, 1.5, 2.0)),
            "sigma_b": Reach(0.0, 2.0, step=0.1),
            "steps": Reach(options=(100, 200, 300, 500, 1000, 2000)),
            "seeds": Reach(1, 8),
            "seed": Reach(0, 20),
        },
        data=(LESSON.default.spec.data, CirclePoints()),
        hidden=("label_noise", "width"),
    )
    page.run(spec, "a")
    page.run(spec, "b", heading="The gap over the width")


page.fragment(explore)
page.theory(
    r"""
A step of gradient descent on the linearised model changes its outputs on the training points $X$ by
$-\eta\,\Theta_0 (f - y)$, where $\Theta_0$ is the network's own tangent kernel at the start. After $k$ steps from
$f = 0$,

$$
f_k(x) = \Theta_0(x, X)\,\Theta_0^{-1}\bigl(1 - (1 - \eta\Theta_0)^k\bigr)\,y .
$$

The network leaves this curve because its kernel changes while the weights move. The wider the network is, the less each
weight must move: for a smooth nonlinearity the gap falls like $1/n$. At a kink, as in ReLU, neurons switch on and off,
which a Taylor expansion does not see, and the gap falls more slowly.

On the training points both functions come to the targets. Between them nothing brings the two together again.

For $\eta\lambda_{\max} > 2$ the linearised model diverges. The network may converge all the same, because it can lower
the $\lambda_{\max}$ of its kernel: this is where the linear picture ends.
"""
)
page.notes(
    r"""
- *Three widths, 4 minutes.* Let everybody guess the gap, then play the slider. At which width can the two curves be
  told apart by eye?
- *Over time, 2 minutes.* Where on the circle does the gap remain? (Between the points.)
- *ReLU, 3 minutes.* Let the class sketch, then compare the exponent with that of the first preset.
- *Three hidden layers, 1 minute.* Which network is the most linear one?
- *A large step, 2 minutes.* The linearisation leaves the chart. Why can the network come back?
"""
)
page.references(
    (
        "J. Lee, L. Xiao, S. Schoenholz et al. 2019, *Wide neural networks of any depth evolve as linear models under "
        "gradient descent*: the linearised network, and a bound of its gap.",
        "L. Chizat, E. Oyallon, F. Bach 2019, *On lazy training in differentiable programming*: when a model is "
        "close to its linearisation.",
        "A. Lewkowycz, Y. Bahri, E. Dyer et al. 2020, *The large learning rate phase of deep learning: the catapult "
        "mechanism*: large steps.",
    )
)
page.source(comparison.train_beside, linear.run, widths.run)
