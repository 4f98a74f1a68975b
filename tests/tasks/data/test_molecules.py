"""Molecules as graphs."""

import numpy as np
import pytest

from grok.errors import UserError
from grok.tasks.data import molecules

SHIPPED = molecules.load(molecules.SHIPPED)


def of(number):
    """Nodes and bonds (target, source, type) of a shipped molecule."""
    nodes, adjacency = molecules.graphs(SHIPPED, number + 1)
    bonds = adjacency[number].reshape(len(adjacency[number]), 4, -1)
    return nodes[number], {(t, s, b) for t, b, s in np.argwhere(bonds)}


def test_the_shipped_molecules_are_the_first_of_qm9():
    assert len(SHIPPED.atoms) == len(SHIPPED.polarizability) == 10_000
    assert SHIPPED.atoms.sum() == len(SHIPPED.elements)
    assert SHIPPED.bond_counts.sum() == len(SHIPPED.bonds)
    assert SHIPPED.polarizability[:3].tolist() == [1321, 946, 631]  # methane, ammonia, water
    assert set(SHIPPED.elements) == set(molecules.ELEMENTS)
    assert SHIPPED.atoms.max() == 26


def test_the_graph_of_methane():
    nodes, bonds = of(0)
    assert nodes[:, :5].tolist() == [[0, 1, 0, 0, 0]] + [[1, 0, 0, 0, 0]] * 4
    assert nodes[:, 5].tolist() == [6, 1, 1, 1, 1]
    assert nodes[:, 6:10].max() == 0
    assert nodes[:, 10].tolist() == [4, 0, 0, 0, 0]
    assert bonds == {(0, i, 0) for i in range(1, 5)} | {(i, 0, 0) for i in range(1, 5)}


@pytest.mark.parametrize(("number", "kind"), [(3, 2), (4, 2), (5, 1)])
def test_multiple_bonds(number, kind):
    """Of ethyne, hydrogen cyanide and formaldehyde."""
    _, bonds = of(number)
    assert {bond for bond in bonds if bond[2] > 0} == {(0, 1, kind), (1, 0, kind)}


def test_smaller_molecules_are_padded_with_nothing():
    nodes, adjacency = molecules.graphs(SHIPPED, 3)
    assert nodes.shape == (3, 5, 11)
    assert adjacency.shape == (3, 5, 20)
    assert nodes[2, 3:].max() == adjacency[2, 3:].max() == 0  # water has three atoms
    assert adjacency.reshape(3, 5, 4, 5)[2, :, :, 3:].max() == 0


def test_a_damaged_file_is_named(tmp_path):
    damaged = tmp_path / "qm9.npz"
    damaged.write_bytes(molecules.SHIPPED.read_bytes()[:1000])
    with pytest.raises(UserError, match="no packed molecules"):
        molecules.load(damaged)
