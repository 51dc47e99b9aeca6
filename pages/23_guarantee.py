"""Lesson: the smallest eigenvalue guarantees convergence, and what it leaves open."""

from ntkviz.comparison import guaranteed
from ntkviz.data import BreastCancer, CircleFunction, CirclePoints, Digits, Line, Moons, Sphere, Twins, Xor
from ntkviz.experiments import smallest, unseen
from ntkviz.lessons.guarantee import LESSON
from ntkviz.ui.controls import Reach
from ntkviz.ui.lesson import Page

OFFERED = (
    *(Twins(), Line(), CirclePoints(), CircleFunction(n=16), Sphere(n=32), Moons(n=32), Xor(n=32)),
    *(Digits(question="0-1", n=64), BreastCancer(n=64)),
)

page = Page(LESSON)
page.open()
page.introduction(
    r"""
We train networks $f$ by gradient descent on the squared error of $N$ training points. Each step has the learning rate
$\eta$. The **tangent kernel** $\Theta$ of the infinitely wide network is an $N \times N$ matrix that is known before
the training. Its eigenvectors are the **modes** of the error. A step multiplies the error in mode $i$ by
$1 - \eta\lambda_i$, where $\lambda_i$ is its eigenvalue, and $\lambda_{\min}$ is the smallest one.

If $\lambda_{\min} > 0$, every mode shrinks, and the loss is **guaranteed** to go to zero. **Twins** are two points at a
small angle $\varepsilon$. We draw the loss as a share of its first value.
"""
)


def explore() -> None:
    spec = page.controls(
        first=("data", "activation", "width"),
        more=("depth", "sigma_w", "sigma_b", "c", "steps", "fraction", "seed", "seeds"),
        narrow={
            "width": Reach(16, 2048),
            "depth": Reach(1, 4),
            "sigma_w": Reach(options=(0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0)),
            "sigma_b": Reach(0.0, 2.0, step=0.1),
            "steps": Reach(options=(100, 200, 500, 1000, 2000, 5000)),
            "fraction": Reach(options=(0.5, 0.1, 0.03, 0.01, 0.001)),
            "seed": Reach(0, 20),
        },
        data=OFFERED,
        hidden=("scale",),
    )
    page.run(spec, "a")
    page.run(spec, "b", heading="What decides the smallest eigenvalue")
    page.run(spec, "c", heading="Many solutions that fit the same points")


page.fragment(explore)
page.theory(
    r"""
**Three statements about one training.** Let $u_i$ be the modes, $y$ the targets, and let the outputs be zero at the
start. With $s_i = (u_i^\top y)^2/\|y\|^2$, the share of the target in mode $i$, the loss $L_k$ after $k$ steps is

$$
\frac{L_k}{L_0} = \sum_i s_i\,(1-\eta\lambda_i)^{2k}
\;\le\; \Bigl(\max_i |1-\eta\lambda_i|\Bigr)^{2k},
\qquad
\frac{L_\infty}{L_0} = \sum_{\lambda_i = 0} s_i .
$$

The sum is the **prediction**: it needs the labels. The bound on its right is the **guarantee**: it needs the inputs
alone, and holds for every target. It is void if an eigenvalue is zero. The last expression is the **floor** of the
loss.

**When is $\lambda_{\min}$ small?** The difference of two twins is nearly an eigenvector, with an eigenvalue near
$\Theta(x,x) - \Theta(x,x')$. If $\varphi$ has a kink, the kernel has a cusp at equal inputs, and this difference is
proportional to $\varepsilon$. If $\varphi$ is smooth, it is proportional to $\varepsilon^2$. The closest two of $N$
random points on the sphere in $d$ dimensions are at an angle proportional to $N^{-2/(d-1)}$. Therefore more points in
the same space have a smaller $\lambda_{\min}$. For equal inputs $\lambda_{\min} = 0$.

**Why a network can break the guarantee.** All this belongs to the kernel at infinite width, which stays as it is. The
kernel of a network changes while it learns. A change that is small beside $\lambda_{\max}$ can be large beside
$\lambda_{\min}$.

**One function, many weights.** With $P > N$ weights $w$, the linear model $f_0(x) + J(x)(w - w_0)$ fits the points with
every $w = w_0 + J^+(y - f_0) + v$ for which $J v = 0$. Here $J$ holds the gradients at the points and $w_0$ is the
start. Gradient descent never changes the part $v$ that the start has. It ends at the solution that is nearest to its
start, whose function is unique:

$$
f_\infty(x) = f_0(x) + \Theta(x, X)\,\Theta^{+}\,(y - f_0(X)) .
$$

The convex problem therefore has one solution for each start $f_0$, and not one solution. To move $f$ by $h$ at $x^*$
costs $h^2/s$ of $\|w - w_0\|^2$, where $s = \Theta(x^*,x^*) - \Theta(x^*,X)\Theta^{-1}\Theta(X,x^*)$.
"""
)
page.notes(
    r"""
- **Guess first** (4 min): let everybody guess for the twins with equal labels, then for opposite labels. The dotted
  curve does not move from one to the other. Ask: *what changed?*
- **The slow modes** (3 min): under the loss, play the modes from step 0. The last eight modes are the differences of
  twins. With equal labels they are nearly empty.
- **The floor** (3 min): 25 % is the share of the pairs in conflict. Change the number of these pairs under “More”.
- **A broken guarantee** (4 min): in the ReLU preset raise the width to 2048. The networks are still late.
- **One input** (2 min): without biases only two slopes can be learned. Then set $\sigma_b = 1$.
- **Between the points** (4 min): move the slider of the last charts. All curves fit the five points.
"""
)
page.references(
    (
        "Jacot, Gabriel & Hongler, *Neural tangent kernel: convergence and generalization in neural networks*, 2018.",
        "Du, Zhai, Poczos & Singh, *Gradient descent provably optimizes over-parameterized neural networks*, 2019: "
        "convergence at a rate set by the smallest eigenvalue, which is positive if no two inputs are parallel.",
        "Lee, Xiao, Schoenholz et al., *Wide neural networks of any depth evolve as linear models under gradient "
        "descent*, 2019.",
    )
)
page.source(guaranteed.guaranteed, guaranteed.train_networks, smallest.run, unseen.run)
