"""Lesson: trained networks of several seeds agree on the data, and not between them."""

from ntkviz import dynamics
from ntkviz.data import CircleFunction
from ntkviz.experiments import seeds, spreads
from ntkviz.lessons.seeds import LESSON
from ntkviz.ui.controls import Reach
from ntkviz.ui.lesson import Page

page = Page(LESSON)
page.open()
page.introduction(
    r"""
Each network begins with other random weights, so that its output $f_0$ before training is a random function. Training
makes all of them fit the same points. The **spread** is the standard deviation over the networks.
"""
)


def explore() -> None:
    spec = page.controls(
        first=("width", "optimiser", "centred", "data"),
        more=("decay", "steps", "c", "activation", "depth", "sigma_w", "sigma_b", "networks", "seed"),
        narrow={
            "width": Reach(16, 2048),
            "decay": Reach(options=(0.0, 0.001, 0.01, 0.1, 1.0)),
            "steps": Reach(options=(8, 30, 100, 300, 1000)),
            "c": Reach(0.1, 1.9),
            "depth": Reach(1, 3),
            "sigma_w": Reach(options=(0.5, 1.0, 2**0.5, 1.5, 2.0)),
            "sigma_b": Reach(0.0, 2.0, step=0.1),
            "networks": Reach(4, 64),
            "seed": Reach(0, 20),
        },
        data=(LESSON.default.spec.data, CircleFunction(n=8)),
        hidden=("label_noise",),
    )
    page.run(spec, "a")
    page.run(spec, "b", heading="Other widths")


page.fragment(explore)
page.theory(
    r"""
At infinite width a network is a Gaussian process at every moment of its training. With the tangent kernel $\Theta$, the
kernel $K$ of the random functions at the start (NNGP), and a star for points outside of the data,

$$
f_k(x_*) \sim \mathcal N(A_k y,\ \Sigma_k), \qquad A_k = \Theta_* \Theta^{-1}\bigl(1 - (1 - \eta\Theta)^k\bigr),
$$

$$
\Sigma_k = K_{**} + A_k K A_k^\top - A_k K_*^\top - K_* A_k^\top .
$$

On the training points $\Sigma_k \to 0$. Between them it does not: training removes from $f_0$ only what the points can
see. **The kernels of two seeds agree, their functions do not.** The width does not help, because the random functions
$f_0$ of wide networks are as large as those of narrow ones. Only the centred model $f - f_0$ has no spread at infinite
width.

A step with **momentum** is a sum of gradients. In a linear model it ends where gradient descent ends, and in a network
nearly there. **Adam** and **weight decay** leave the span of the gradients and end elsewhere: other functions that fit
the same points.

If the last layer alone is trained, $\Theta$ becomes $K$, and the band is the posterior of **Bayesian regression** with
the NNGP kernel. With the tangent kernel it is not the posterior of any prior.
"""
)
page.notes(
    r"""
- *Five points, 4 minutes.* Let everybody guess. Then move the slider to step 0, and play.
- *Other widths, 3 minutes.* Let the class sketch. Why does the spread not fall, although the kernels agree ever better?
- *Centred, 2 minutes.* Subtract the start. What is left falls with the width.
- *Momentum, Adam, Weight decay, 4 minutes.* Which of them change the end, and not only the way?
- *An unfinished run, 2 minutes.* On the points the spread is what has not been learned yet.
- *Beware.* A spread over seeds is no error bar of the data: it says how much of the function was never learned.
"""
)
page.references(
    (
        "A. Jacot, F. Gabriel, C. Hongler 2018, *Neural tangent kernel: convergence and generalization in neural "
        "networks*: functions of several networks on a circle.",
        "J. Lee, Y. Bahri, R. Novak, S. Schoenholz, J. Pennington, J. Sohl-Dickstein 2018, *Deep neural networks as "
        "Gaussian processes*: the NNGP kernel.",
        "J. Lee, L. Xiao, S. Schoenholz et al. 2019, *Wide neural networks of any depth evolve as linear models under "
        "gradient descent*: mean and covariance of the ensemble.",
    )
)
page.source(dynamics.ensemble, seeds.run, spreads.run)
