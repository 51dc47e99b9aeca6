"""Lesson: what a wide network does in training is known before the training starts."""

from ntkviz import comparison, prediction
from ntkviz.data import BreastCancer, CirclePoints, Diabetes, Digits, Moons, Rings, Sphere, Spirals, Wine
from ntkviz.experiments import widths
from ntkviz.lessons.train import LESSON
from ntkviz.ui.controls import UPLOADED, Reach
from ntkviz.ui.lesson import Page

OFFERED = (
    *(LESSON.default.spec.train.data, CirclePoints(), Moons(), Spirals(n=64, turns=1.0), Rings(), Sphere()),
    *(Digits(question="0-1"), BreastCancer(), Wine(), Diabetes(), UPLOADED),
)

page = Page(LESSON)
page.open()


def explore() -> None:
    spec = page.controls(
        first=("width", "c", "activation", "data"),
        more=("architecture", "steps", "depth", "sigma_w", "sigma_b", "fraction", "seed", "seeds"),
        narrow={
            "width": Reach(16, 4096),
            "steps": Reach(options=(100, 200, 500, 1000, 2000, 5000, 10000)),
            "depth": Reach(1, 5),
            "sigma_w": Reach(options=(0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0)),
            "sigma_b": Reach(0.0, 2.0, step=0.1),
            "fraction": Reach(options=(0.5, 0.1, 0.03, 0.01, 0.001, 0.0001)),
            "seed": Reach(0, 20),
        },
        data=OFFERED,
    )
    page.run(spec, "a")
    page.run(spec, "b", heading="Other widths")


page.fragment(explore)
page.introduction(
    r"""
The network has $n$ neurons in each hidden layer; $n$ is its width. It learns by gradient descent, which changes the
weights by many small steps. The size of a step is the learning rate $\eta$. We give it as $c = \eta\lambda_{\max}$,
where $\lambda_{\max}$ is the largest eigenvalue of the **tangent kernel** $\Theta$ of the infinitely wide network. An
entry $\Theta(x, x')$ of this kernel says how a step that changes the output at $x$ changes the output at $x'$.

The loss $\frac12 \|f - y\|^2$ is the mean over the training points. At the start, all outputs $f$ are zero.
"""
)
page.theory(
    r"""
Let $\lambda_i$ and $u_i$ be the eigenvalues and eigenvectors of $\Theta$ on the training points $X$. For the
infinitely wide network, gradient descent from $f = 0$ gives after $k$ steps

$$
f_k(x) = \Theta(x, X)\,\Theta^{-1}\bigl(1 - (1 - \eta\Theta)^k\bigr)\,y,
\qquad
u_i^\top (f_k - y) = -(1 - \eta\lambda_i)^k\, u_i^\top y .
$$

This prediction uses no training at all: it is computed from the kernel and the data before the first step. Each
**mode** $u_i$ of the error shrinks at its own rate, and modes with large eigenvalues shrink fastest. The loss adds up
all modes. It therefore falls quickly at first, while the fast modes vanish, and slowly later, when only the slow
modes are left.

For small steps, $(1-\eta\lambda)^k$ is close to $e^{-\eta\lambda k}$, which is gradient flow. At larger steps the two
differ most for the fastest mode: the dots in the chart of the modes show by how much.

A network of finite width differs from this prediction for two reasons:

$$
f_n - f_\infty = \underbrace{(f_n - f_n^{\mathrm{lin}})}_{\text{its kernel changes while it learns}}
+ \underbrace{(f_n^{\mathrm{lin}} - f_\infty)}_{\text{its kernel was drawn at random}} .
$$

Here $f_n^{\mathrm{lin}}$ is the **linearisation** of the network: its first-order Taylor expansion in the weights.
For wide networks, theory expects the second term to fall like $1/\sqrt n$. The first one falls like $1/n$ if the
nonlinearity is smooth. A kink, as in ReLU, makes it fall more slowly: neurons switch on and off, and at a kink there
is no second derivative that could be small. The exponents under the chart of other widths are fitted to these
networks.
"""
)
page.notes(
    r"""
- **Before anything is shown** (3 min): let everybody guess the number of steps. Then change the network seed under
  “More”: the dashed curve stays, because it does not know the weights.
- **Width** (5 min): 16, 64, 256, 1024. Which mode leaves its dashes first? A fast mode stops falling once it is
  small: the kernel has changed a little, and slow modes leak into fast ones. This floor is no rate that could be
  fitted.
- **Which frequency is first?** erf is odd, so that even frequencies rest on the biases. Raise $\sigma_b$ to 1 and
  compare.
- **Step** (5 min): c = 1 removes the first mode in one step. At c = 1.9 that mode changes its sign at each step. Past
  2 the closed form diverges; try 2.5 and 4.5.
- **Worst case**: compare the two predictions under “Steps”. The worst case holds for every target. The other one also
  uses how much of this target lies in each mode.
- **Decision lines** (3 min): play the spirals, then lower the width to 64. Where do the two lines part first?
"""
)
page.references(
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
page.source(prediction.predict, comparison.train_beside, widths.run)
