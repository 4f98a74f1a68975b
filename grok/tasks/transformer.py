"""A transformer on pairs of symbols, with the published draws.

Source: Omnigrok, section 5 (Figure 7); Nanda et al. 2023, "Progress Measures for Grokking via
Mechanistic Interpretability".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Attention and a ReLU layer, each added to what comes in; no layer norm.

    Args:
        width: d_model, of what comes in.
        heads: of attention, each of `width` / `heads` dimensions.
        hidden: d_mlp.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, math.sqrt(width // heads)
        self.key, self.query, self.value, self.out = (gaussian(width, width) for _ in range(4))
        self.inner, self.inner_bias = (
            gaussian(hidden, width),
            nn.Parameter(torch.zeros(hidden, dtype=torch.float64)),
        )
        self.outer = gaussian(width, hidden, scale=width)
        self.outer_bias = nn.Parameter(torch.zeros(width, dtype=torch.float64))

    def forward(self, sequence: Tensor) -> Tensor:
        """Causal attention and the layer at every position; shape (samples, positions, width)."""
        query, key, value = (
            self.by_head(sequence @ weight.T).transpose(1, 2)
            for weight in (self.query, self.key, self.value)
        )  # (samples, heads, positions, width / heads)
        scores = query @ key.mT / self.scale
        later = torch.ones_like(scores[0, 0]).triu(1).bool()
        attention = scores.masked_fill(later, -math.inf).softmax(-1)
        mixed = (attention @ value).transpose(1, 2).flatten(2)
        return self.layer(sequence + mixed @ self.out.T)

    def last(self, end: Tensor, rows: Tensor, where: Tensor) -> Tensor:
        """The last position's output for sequences that all end alike; shape (samples, width).

        What `forward` gives there, with keys and values of each different input taken once.

        Args:
            end: what ends all sequences, shape (width,).
            rows: the different inputs before it, shape (n, width).
            where: which of them a sequence consists of, shape (samples, positions - 1).
        """
        query = self.by_head(self.query @ end)  # (heads, width / heads)
        scores, values = [], []
        for inputs in (rows, end[None]):
            keys = self.by_head(inputs @ self.key.T)  # (n, heads, width / heads)
            scores.append((keys * query).sum(-1) / self.scale)
            values.append(inputs @ self.value.T)
        before = functional.embedding(where, scores[0])  # (samples, positions - 1, heads)
        attention = torch.cat([before, scores[1].expand(len(where), 1, -1)], 1).softmax(1)[
            ..., None
        ]
        mixed = (attention[:, :-1] * self.by_head(functional.embedding(where, values[0]))).sum(1)
        mixed = (mixed + attention[:, -1] * self.by_head(values[1])).flatten(1)
        return self.layer(end + mixed @ self.out.T)

    def by_head(self, rows: Tensor) -> Tensor:
        """The last dimension in two: heads, and dimensions of each."""
        return rows.view(*rows.shape[:-1], self.heads, -1)

    def layer(self, inputs: Tensor) -> Tensor:
        """The ReLU layer, added to what comes in."""
        hidden = functional.relu(inputs @ self.inner.T + self.inner_bias)
        return inputs + hidden @ self.outer.T + self.outer_bias


class Transformer(nn.Module):
    """Reads "a b =" and gives the logits of the next symbol at the last position.

    Drawn in the published order, in double precision, an embedding as a column of its matrix.
    """

    def __init__(self, symbols: int, width: int, heads: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.symbols = symbols
        self.embed = turned(gaussian(width, symbols + 1, scale=width))  # the last is "="
        self.position = gaussian(3, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.unembed = turned(gaussian(width, symbols + 1))

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits of shape (samples, symbols + 1) for pairs of shape (samples, 2)."""
        end = self.embed[-1] + self.position[2]
        if len(self.blocks) == 1:
            first, second = (self.embed[:-1] + self.position[i] for i in (0, 1))
            where = torch.stack([pairs[:, 0], pairs[:, 1] + self.symbols], 1)
            return self.block(0).last(end, torch.cat([first, second]), where) @ self.unembed.T
        operands = functional.embedding(pairs, self.embed) + self.position[:2]
        sequence = torch.cat([operands, end.expand(len(pairs), 1, -1)], 1)
        for block in self.blocks:
            sequence = block(sequence)
        return sequence[:, -1] @ self.unembed.T

    def block(self, number: int) -> Block:
        """One of the blocks."""
        block = self.blocks[number]
        assert isinstance(block, Block)
        return block


def gaussian(rows: int, columns: int, scale: int | None = None) -> nn.Parameter:
    """Normal draws with a variance of one over `scale`, by default the columns."""
    draws = torch.randn(rows, columns, dtype=torch.float64)
    return nn.Parameter(draws / math.sqrt(scale or columns))


def turned(matrix: nn.Parameter) -> nn.Parameter:
    """A matrix with columns for rows."""
    return nn.Parameter(matrix.detach().T.contiguous())
