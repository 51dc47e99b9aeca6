"""Lesson: one number, the output scale α, decides whether a network learns features or keeps its kernel."""

import streamlit as st

from ntkviz.experiments import lazy
from ntkviz.nets import Architecture
from ntkviz.ui import controls
from ntkviz.ui.lesson import Lesson

DATA = ("xor", "single_index", "teacher", "parity", "linear", "sphere_mix", "circle", "digits", "breast_cancer")

lesson = Lesson("lazy", "Lazy or feature learning", "Does the kernel tell the whole story of a trained network?")

lesson.open(
    {
        "XOR": (
            "Two of twenty inputs matter and no one tells which: the rich run finds them, the kernel cannot.",
            {},
        ),
        "One direction": (
            "The target is |w·x|. With 300 points the rich run finds w; the kernel spreads over all 15 dimensions.",
            {"data": "single_index"},
        ),
        "Parity of three": (
            "The kernel does no better than the mean; the rich run learns the label almost perfectly.",
            {"data": "parity", "steps": 1000},
        ),
        "Noise: lazy wins": (
            "A linear target under noise of its own size, five seeds. All runs fit the noise, and the rich pay more "
            "for it on new points.",
            {"data": "linear", "linear_label_noise": 1.0, "seeds": 5, "steps": 1000},
        ),
        "Fast wave: lazy wins": (
            "cos 8γ on 32 points of the circle. The lazy run has every frequency at hand; the rich one gathers its "
            "neurons in a few directions and is stuck.",
            {"data": "circle", "circle_terms": "8:1", "steps": 4000},
        ),
        "Digits: a draw": (
            "Odd or even on 150 real digits: features change the kernel a lot and the test error hardly.",
            {"data": "digits"},
        ),
        "µP": (
            "In µP the same α is α/√n: the network learns features at α = 1, and at any width. Change the width.",
            {"parameterization": "mup"},
        ),
        "Smooth: theory exact": (
            "GELU has no kink: to the right the measured drift lies on its first-order prediction.",
            {"activation": "gelu"},
        ),
    }
)


def explore() -> None:
    (task,), more = lesson.row(1)
    with task:
        data = controls.data(
            DATA,
            default="xor",
            more=more,
            hidden=("scale",),
            n=150,
            dim=20,
            parity_n=300,
            parity_dim=10,
            single_index_n=300,
            single_index_dim=15,
            sphere_mix_dim=4,
            circle_n=32,
        )
    with more:
        width = controls.field(Architecture, "width", default=128, low=32, high=512)
        parameterization = controls.field(Architecture, "parameterization")
        activation = controls.activation()
        sigma_b = controls.field(Architecture, "sigma_b", default=0.3, low=0.0, high=1.0, step=0.1)
        factor = controls.field(lazy.Spec, "factor")
        steps = controls.field(lazy.Spec, "steps", options=(200, 400, 600, 1000, 2000, 4000))
        seed = controls.field(lazy.Spec, "seed", high=20)
        seeds = controls.field(lazy.Spec, "seeds")

    arch = Architecture(width=width, parameterization=parameterization, activation=activation, sigma_b=sigma_b)
    spec = lazy.Spec(data=data, arch=arch, factor=factor, steps=steps, seed=seed, seeds=seeds)

    lesson.run(lazy, spec)


lesson.live(explore)

st.markdown(
    r"""
The model is $F = \alpha\,(f(w) - f(w_0))$, and its loss is divided by $\alpha^2$. Then $\dot F = -\Theta\,(F - y)$
holds for every $\alpha$, and only one thing changes: to reach the same $F$, the network $f$ has **$1/\alpha$ as far
to go**.

**Large α, lazy.** The weights hardly move, the kernel keeps its value at the start, and training is linear regression
in the features that the network was born with. To first order in $1/\alpha$

$$
\frac{\|\Theta - \Theta_0\|}{\|\Theta_0\|} = \frac1\alpha\,\frac{\|\partial_w\Theta\,[u]\|}{\|\Theta_0\|},
\qquad u = J^\top \Theta_0^{-1}\bigl(1 - (1 - \eta\Theta_0)^k\bigr)\, y ,
$$

which is drawn green, computed from the untrained network. Smooth activations meet it. ReLU drifts more, and its drift
falls more slowly: neurons switch on and off, and a kink has no derivative to be small.

**Small α, feature learning.** The weights forget where they began. Neurons turn to the directions that matter, the
hidden layer aligns with the target: the kernel itself has learned. No kernel known at the start can describe this.

The bands of the gauge (lazy under 0.1, feature learning over 1) are conventions: nothing jumps there. Where the
crossover lies depends on the width. In the NTK parameterization it is at constant $\alpha\sqrt n$, so that **wider is
lazier**; in **µP**, which is the NTK network at $\alpha/\sqrt n$, it stays where it is at every width.

Unless a warning says otherwise all runs fit their training data. What differs is the solution that they find, and
which is the better one depends on the task: try the presets.
"""
)
lesson.notes(
    r"""
- **Ask first** (1 min): *all nine networks start from the same weights and end with hardly any training error. Do
  they agree on new points?* Then move α from 100 to 0.01 and watch the diamond, the neurons and the dotted line
  together.
- **Neurons** (3 min): at α = 100 nothing seems to happen, and yet the training error is gone. At 0.01 sixty neurons
  become three groups. Where does the change happen? Near α = 1, as on the gauge. The radius is logarithmic.
- **Lazy is a kernel** (2 min): at the right end the vermillion curve in “this run” lies on the green one for all
  steps. The gap between green and blue is the finite width: raise it to 512.
- **Counter-examples** (5 min): noise, a fast wave, digits. Learning features is not the same as generalising: it is a
  bet that few directions matter. Under noise, width 256 shows it more clearly.
- **Width and µP** (5 min): at α = 1, go from 32 to 512 neurons and read the drift; then the same with µP.
- A new task or width compiles for some seconds the first time. The numbers are of the seeds shown: average five
  (“More”).
"""
)
lesson.references(
    (
        "Chizat, Oyallon & Bach, *On lazy training in differentiable programming*, 2019.",
        "Geiger, Spigler, Jacot & Wyart, *Disentangling feature and lazy training in deep neural networks*, 2020.",
        "Woodworth, Gunasekar, Lee, Moroshko, Savarese, Golan, Soudry & Srebro, *Kernel and rich regimes in "
        "overparametrized models*, 2020.",
        "Yang & Hu, *Tensor programs IV: feature learning in infinite-width neural networks*, 2021.",
        "Petrini, Cagnetta, Vanden-Eijnden & Wyart, *Learning sparse features can lead to overfitting in neural "
        "networks*, 2022.",
    )
)
lesson.source(lazy.foreseen, lazy.steps_of, lazy.first_order_drift, lazy.run)
