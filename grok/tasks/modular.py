"""Arithmetic modulo p, and permutations of five: all ordered pairs of symbols, and their results.

Source: Omnigrok, section 5 (Figures 7, 9, 10); the operations are those of Power et al. 2022,
"Grokking: Generalization Beyond Overfitting on Small Algorithmic Datasets".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from grok.tasks.task import Batch, Data, Task
from grok.tasks.transformer import Transformer, gaussian

LARGEST_P = 500
MODELS = ("transformer", "mlp")
Operation = Callable[[int, int, int], int]
MODULAR: dict[str, Operation] = {
    "add": lambda x, y, p: x + y,
    "subtract": lambda x, y, p: x - y,
    "multiply": lambda x, y, p: x * y,
    "divide": lambda x, y, p: x * pow(y, -1, p),
    "divide_or_subtract": lambda x, y, p: x * pow(y, -1, p) if y % 2 else x - y,
    "x2_plus_y2": lambda x, y, p: x**2 + y**2,
    "x2_plus_xy_plus_y2": lambda x, y, p: x**2 + x * y + y**2,
    "x2_plus_xy_plus_y2_plus_x": lambda x, y, p: x**2 + x * y + y**2 + x,
    "x3_plus_xy": lambda x, y, p: x**3 + x * y,
    "x3_plus_xy2_plus_y": lambda x, y, p: x**3 + x * y**2 + y,
}
"""x o y before it is taken modulo p."""
DIVISIONS = ("divide", "divide_or_subtract")
PERMUTATIONS = ("s5", "s5_conjugate", "s5_aba")
"""Products x y, x y x^-1 and x y x of the permutations of five, numbered in dictionary order."""


class PairMLP(nn.Module):
    """An embedding of each symbol, both of a pair side by side, and ReLU layers."""

    def __init__(self, symbols: int, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.embed = gaussian(symbols, width)
        sizes = [2 * width, *[hidden] * layers]
        self.layers = nn.Sequential(
            *itertools.chain.from_iterable(
                (nn.Linear(n, m, dtype=torch.float64), nn.ReLU())
                for n, m in itertools.pairwise(sizes)
            ),
            nn.Linear(sizes[-1], symbols, dtype=torch.float64),
        )

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits of shape (samples, symbols) for pairs of shape (samples, 2)."""
        logits: Tensor = self.layers(functional.embedding(pairs, self.embed).flatten(1))
        return logits


@dataclass(frozen=True)
class Modular(Task):
    """Cross-entropy of the result of an operation on two symbols (Omnigrok, section 5).

    Trained on all pairs of the training part at every step; accuracies are measured at every
    so many steps, for the validation part is much the larger.

    Attributes:
        operation: of `MODULAR`, modulo p; or of `PERMUTATIONS`, whatever p.
        p: modulus, a prime where the operation divides.
        train_fraction: share of the pairs that is trained on, rounded down.
        every: optimizer steps from one measurement of accuracies to the next.
        model: ``transformer`` or ``mlp``.
        width: of the embeddings (d_model).
        heads: of the transformer's attention; they share `width`.
        hidden: width of a ReLU layer (d_mlp).
        layers: transformer blocks, or the MLP's ReLU layers.
    """

    operation: str = "add"
    p: int = 113
    train_fraction: float = 0.3
    every: int = 10
    model: str = "transformer"
    width: int = 128
    heads: int = 4
    hidden: int = 512
    layers: int = 1

    def problems(self) -> Iterable[str]:
        """A line for each key out of range."""
        yield from super().problems()
        for key in ("every", "width", "heads", "hidden", "layers"):
            if getattr(self, key) < 1:
                yield f"task.{key}={getattr(self, key)}: must be at least 1"
        if self.model not in MODELS:
            yield f"task.model={self.model}: must be one of {', '.join(MODELS)}"
        elif self.model == "transformer" and self.heads >= 1 and self.width % self.heads:
            yield f"task.heads={self.heads}: must divide task.width={self.width}"
        if self.operation not in (*MODULAR, *PERMUTATIONS):
            operations = ", ".join((*MODULAR, *PERMUTATIONS))
            yield f"task.operation={self.operation}: must be one of {operations}"
        elif not 2 <= self.p <= LARGEST_P:
            yield f"task.p={self.p}: must be from 2 to {LARGEST_P}, for a batch holds all pairs"
        elif self.operation in DIVISIONS and not _prime(self.p):
            yield f"task.p={self.p}: must be a prime, such as 113, for {self.operation}"
        elif not 1 <= self.train_size < len(self.pairs()):
            yield (
                f"task.train_fraction={self.train_fraction}: must leave some of the "
                f"{len(self.pairs())} pairs to each part, such as 0.3"
            )

    @property
    def symbols(self) -> int:
        """How many there are, and as many results."""
        return math.factorial(5) if self.operation in PERMUTATIONS else self.p

    @property
    def train_size(self) -> int:
        """Number of training pairs."""
        return int(self.train_fraction * len(self.pairs()) + 1e-9)

    def pairs(self) -> list[tuple[int, int]]:
        """All ordered pairs with a result: ``divide`` has none for 0, which is even otherwise."""
        first = int(self.operation == "divide")
        return list(itertools.product(range(self.symbols), range(first, self.symbols)))

    def results(self) -> list[int]:
        """The result of each of `pairs`."""
        if self.operation in PERMUTATIONS:
            return _permuted(self.operation)
        operation = MODULAR[self.operation]
        return [operation(x, y, self.p) % self.p for x, y in self.pairs()]

    def network(self) -> nn.Module:
        """The network, drawn from PyTorch's generator as it stands."""
        if self.model == "mlp":
            return PairMLP(self.symbols, self.width, self.hidden, self.layers)
        return Transformer(self.symbols, self.width, self.heads, self.hidden, self.layers)

    def group(self, name: str) -> str:
        """Embeddings of symbols and positions are the encoder."""
        return "encoder" if name in ("embed", "position") else "decoder"

    def data(self, seed: int) -> Data:
        """A random split of all pairs, as ``torch.utils.data.random_split`` draws it."""
        order = torch.randperm(len(self.pairs()), generator=torch.Generator().manual_seed(seed))
        batch = {"inputs": torch.tensor(self.pairs()), "labels": torch.tensor(self.results())}
        train, val = order[: self.train_size], order[self.train_size :]
        return Data(
            {name: tensor[train] for name, tensor in batch.items()},
            {name: tensor[val] for name, tensor in batch.items()},
        )

    def evaluations(self, budget: int) -> Sequence[int]:
        """Every so many steps; the last one where there aren't so many."""
        return range(self.every, budget + 1, self.every) or [budget]

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of the result at the last position."""
        return functional.cross_entropy(outputs, batch["labels"])

    def correct(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Whether the likeliest result is the right one."""
        right: Tensor = outputs.argmax(-1) == batch["labels"]
        return right


def _prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _permuted(operation: str) -> list[int]:
    """The results of an operation on all pairs of permutations of five, by number."""
    permutations = list(itertools.permutations(range(5)))
    numbers = {permutation: i for i, permutation in enumerate(permutations)}

    def product(*factors: tuple[int, ...]) -> tuple[int, ...]:
        """The last factor is applied first."""
        first = factors[-1]
        for factor in reversed(factors[:-1]):
            first = tuple(factor[i] for i in first)
        return first

    def inverse(factor: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(factor.index(i) for i in range(5))

    results = {
        "s5": lambda x, y: product(x, y),
        "s5_conjugate": lambda x, y: product(x, y, inverse(x)),
        "s5_aba": lambda x, y: product(x, y, x),
    }
    pairs = itertools.product(permutations, repeat=2)
    return [numbers[results[operation](x, y)] for x, y in pairs]
