"""Lesson: what a wide network does in training is known before the training starts."""

import streamlit as st

from ntkviz.experiments import train
from ntkviz.nets import Architecture
from ntkviz.ui import controls
from ntkviz.ui.controls import TABLE
from ntkviz.ui.lesson import Lesson

DATA = ("circle", "points", "moons", "spirals", "rings", "sphere", "digits", "breast_cancer", "wine", "diabetes", TABLE)

lesson = Lesson("train", "Train and predict", "Can we know what training does before we train?")

lesson.open(
    {
        "Wide: theory holds": (
            "4096 neurons: the curves lie on each other, and the gap is some tenths of a percent.",
            {"width": 4096},
        ),
        "Narrow: it breaks": (
            "16 neurons: the kernel itself moves while the network learns, and the closed form does not know of it.",
            {"width": 16},
        ),
        "Too large a step": (
            "c = 2.5: every linear model explodes. The network does not: it catapults to where its kernel is smaller.",
            {"c": 2.5},
        ),
        "Kinks: ReLU": (
            "ReLU has a kink: its gap to the linearisation falls more slowly than 1/n.",
            {"activation": "relu", "steps": 2000},
        ),
        "Residual": (
            "Seven nonlinearities deep, with skips: the closed form is as near as that of one layer.",
            {"architecture": "residual", "depth": 3, "residual_branch": 0.5},
        ),
        "Spirals": (
            "A decision line, bent step by step: the theory draws it, and the network follows.",
            {"data": "spirals", "width": 1024, "sigma_w": 2.0, "c": 1.0, "steps": 2000},
        ),
        "Digits 0 and 1": (
            "Real images in 64 dimensions: the theory predicts every single output, right or wrong.",
            {"data": "digits", "activation": "relu"},
        ),
    }
)


def explore() -> None:
    (first, second, third, fourth), more = lesson.row(4)
    with first:
        width = controls.field(Architecture, "width", default=512, low=16, high=4096)
    with second:
        c = controls.field(train.Spec, "c")
    with third:
        activation = controls.activation("erf")
    with fourth:
        data = controls.data(
            DATA,
            default="circle",
            more=more,
            circle_n=16,
            circle_terms="1:1, 2:0.5, 3:0.5, 5:0.3",
            spirals_n=64,
            spirals_turns=1.0,
            digits_question="0-1",
        )
    with more:
        architecture = controls.architecture()
        steps = controls.field(train.Spec, "steps", options=(100, 200, 500, 1000, 2000, 5000, 10000))
        depth = controls.field(Architecture, "depth", low=1, high=5)
        sigma_w = controls.field(Architecture, "sigma_w", options=(0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0), default=1.5)
        sigma_b = controls.field(Architecture, "sigma_b", default=0.3, low=0.0, high=2.0, step=0.1)
        fraction = controls.field(train.Spec, "fraction", options=(0.5, 0.1, 0.03, 0.01, 0.001, 0.0001))
        seed = controls.field(train.Spec, "seed", high=20)
        sweep = controls.field(train.Spec, "sweep")

    arch = architecture(depth=depth, width=width, activation=activation, sigma_w=sigma_w, sigma_b=sigma_b)
    spec = train.Spec(arch=arch, data=data, c=c, steps=steps, fraction=fraction, seed=seed, sweep=sweep)

    lesson.run(train, spec)


lesson.live(explore)

st.markdown(
    r"""
Let $\Theta$ be the tangent kernel of the infinitely wide network on the training points, with eigenvalues $\lambda_i$
and eigenvectors $u_i$. Gradient descent with step $\eta$ on $L = \frac12 \sum_j (f(x_j) - y_j)^2$, started at $f = 0$,
gives after $k$ steps

$$
f_k(x) = \Theta(x, X)\,\Theta^{-1}\bigl(1 - (1 - \eta\Theta)^k\bigr)\,y,
\qquad
u_i^\top (f_k - y) = -(1 - \eta\lambda_i)^k\, u_i^\top y .
$$

Nothing in it was trained: it was drawn before the first step. For small steps
$(1-\eta\lambda)^k \approx e^{-\lambda t}$ at $t = \eta k$, which is gradient flow; at $c = \eta\lambda_{\max} = 0.5$
the fastest mode already differs from it, and the dotted lines show by how much. A **large eigenvalue is learned
first**, and the loss is a sum of exponentials, which is not an exponential: its early rate is not its late one.

A network of finite width departs from this in two ways,

$$
f_n - f_\infty = \underbrace{(f_n - f_n^{\mathrm{lin}})}_{\text{its kernel moves: } \sim 1/n}
+ \underbrace{(f_n^{\mathrm{lin}} - f_\infty)}_{\text{its kernel was drawn at random: } \sim 1/\sqrt n} .
$$

Both are laws of wide networks: at the widths of the last chart higher orders still flatten the first one, and a few
seeds leave the fitted exponents uncertain by about a tenth. With kinks (ReLU) it stays flatter, between $n^{-3/4}$ and
$n^{-1/2}$: neurons switch sign, and at a kink there is no second derivative that could be small.
"""
)
lesson.notes(
    r"""
- **Ask first** (2 min): *this network has 2,000 random weights and 500 steps to go. Who can draw its curve now?* Change
  the network seed: the dashed curve stays, for it was never trained.
- **Width** (5 min): 16, 64, 256, 1024. Which mode leaves its line first? The fast one, once it is small: the kernel has
  moved a little, and slow modes leak into fast ones. That floor is about the drift times the slow residual; it is not a
  rate to be fitted.
- **Which is learned first, frequency 2 or 3?** Here it is 3: erf is odd, and even frequencies live on the biases alone.
  Raise $\sigma_b$ to 1 and watch the order change.
- **Step** (5 min): c = 1 removes the first mode in one step; at c = 1.9 it changes sign at each; at c = 2.5 the closed
  form explodes while the network survives; at 4.5 it does not.
- **Predicting the time**: spectrum and target give the number of steps to within some percent. The textbook bound from
  $\lambda_{\min}$ alone is ten to many thousand times too long, since the target hardly lives in the slowest modes.
- **Decision lines** (3 min): play the spirals, then lower the width to 64. Where do the two lines part first?
"""
)
lesson.references(
    (
        "Jacot, Gabriel & Hongler, *Neural tangent kernel: convergence and generalization in neural networks*, 2018.",
        "Lee, Xiao, Schoenholz et al., *Wide neural networks of any depth evolve as linear models under gradient "
        "descent*, 2019.",
        "Dyer & Gur-Ari, *Asymptotics of wide networks from Feynman diagrams*, 2020; Huang & Yau, *Dynamics of deep "
        "neural networks and neural tangent hierarchy*, 2020: corrections of order 1/n.",
        "Lewkowycz, Bahri, Dyer et al., *The large learning rate phase of deep learning: the catapult mechanism*, "
        "2020.",
    )
)
lesson.source(train.predict, train.measure, train.run)
