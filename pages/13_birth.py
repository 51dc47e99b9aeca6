"""Lesson: before training, the kernel of a network is random, and less so the wider the network is."""

from ntkviz.data import BreastCancer, CircleFunction, Digits, Moons, SphereMix
from ntkviz.experiments import concentration
from ntkviz.kernels import neurons
from ntkviz.lessons.birth import LESSON
from ntkviz.ui.controls import UPLOADED, Reach
from ntkviz.ui.lesson import Page

N = 16  # points of each data set
OFFERED = (
    *(LESSON.default.spec.data, CircleFunction(n=N), SphereMix(n=N), Moons(n=N), Digits(question="0-1", n=N)),
    *(BreastCancer(n=N), UPLOADED),
)

page = Page(LESSON)
page.open()
page.introduction(
    r"""
The weights of a network are drawn at random before the training starts. Its **tangent kernel** $\Theta_n(x, x')$ says
by how much a small step of training at $x$ changes the output at $x'$; $n$ is the width, the number of neurons in each
hidden layer. Because the weights are random, the kernel is random too. The kernel of an infinitely wide network,
$\Theta_\infty$, is not.
"""
)


def explore() -> None:
    spec = page.controls(
        first=("width", "depth", "activation", "data"),
        more=("sigma_w", "sigma_b", "seeds", "seed"),
        narrow={
            "width": Reach(options=concentration.WIDTHS),
            "depth": Reach(1, concentration.DEEPEST),
            "sigma_w": Reach(options=(0.5, 1.0, 2**0.5, 1.5, 2.0)),
            "sigma_b": Reach(0.0, 2.0, step=0.1),
            "seeds": Reach(3, 40),
            "seed": Reach(0, 20),
        },
        data=OFFERED,
        hidden=("label_noise",),
    )
    page.run(spec, "a")
    page.run(spec, "b", heading="The whole kernel over the width")


page.fragment(explore)
page.theory(
    r"""
The kernel is a sum over all weights $w$, and each weight belongs to one neuron:

$$
\Theta_n(x, x') = \sum_w \frac{\partial f(x)}{\partial w}\,\frac{\partial f(x')}{\partial w}
= \sum_{j=1}^{n} T_j + \text{(bias of the output)} .
$$

With one hidden layer the terms $T_j$ of the neurons are independent random numbers with one distribution, and each has
a size of about $1/n$. By the **law of large numbers** their sum tends to $\Theta_\infty(x, x')$ as $n \to \infty$. Its
standard deviation is that of one term, $n T_j$, divided by $\sqrt n$. The distance between the kernels of all pairs of
points,

$$
\frac{\|\Theta_n - \Theta_\infty\|}{\|\Theta_\infty\|} \sim \frac{1}{\sqrt n} ,
$$

therefore falls by half when the width grows four times.

In a deeper network, each of the $L$ hidden layers adds random errors of its own. Their squares add up, so that the
squared distance is about proportional to $L/n$. A deeper network must therefore be wider, by a factor of about $L$.

The limit says nothing about the *function* of a network: even infinitely wide networks have different outputs before
training.
"""
)
page.notes(
    """
- *One hidden layer, 4 minutes.* Let everybody guess the distance. Then ask how many neurons would be needed for 1 %.
  (A hundred times as many as for 10 %.)
- *A smooth nonlinearity, 2 minutes.* Compare the dots of single neurons: they scatter as widely at every width. What
  becomes narrower is the heap of their means.
- *Two hidden layers, 2 minutes.* Let the class sketch the fall.
- *Five hidden layers, 3 minutes.* The diamonds are networks with one hidden layer. Read off by how far a diamond must
  move to the left to lie on the circles.
- *Deep and narrow, 1 minute.* Theories of infinite width start from a kernel that such a network does not have.
"""
)
page.references(
    (
        "A. Jacot, F. Gabriel, C. Hongler 2018, *Neural tangent kernel: convergence and generalization in neural "
        "networks*: the limit.",
        "S. Arora, S. S. Du, W. Hu, Z. Li, R. Salakhutdinov, R. Wang 2019, *On exact computation with an infinitely "
        "wide neural net*: a bound of the distance at finite width.",
        "B. Hanin, M. Nica 2020, *Finite depth and width corrections to the neural tangent kernel*: depth over width.",
    )
)
page.source(neurons.neuron_terms, concentration.run)
