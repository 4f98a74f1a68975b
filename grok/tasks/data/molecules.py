"""Molecules as graphs, from a packed file; QM9's first 10,000 are shipped.

Source: Ramakrishnan, Dral, Rupp and von Lilienfeld, Scientific Data 1, 140022 (2014);
`grok/tasks/data/pack_qm9.py` makes the file.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grok.errors import UserError, first_line

Array = np.ndarray[Any, np.dtype[Any]]
SHIPPED = Path(__file__).parent / "qm9.npz"
ELEMENTS = (1, 6, 7, 8, 9)
"""Atomic numbers of H, C, N, O and F."""
BONDS = 4
"""Single, double, triple and aromatic; none of the last where aromatic rings are Kekulé's."""


class Molecules(NamedTuple):
    """Packed molecules, one after the other.

    Attributes:
        atoms, bond_counts: of each molecule.
        elements: atomic number of each atom.
        bonds: two atoms of a molecule, counted from 0, and the type, a row a bond.
        polarizability: isotropic, in hundredths of a cubic Bohr radius.
    """

    atoms: Array
    bond_counts: Array
    elements: Array
    bonds: Array
    polarizability: Array


@functools.cache
def load(path: Path) -> Molecules:
    """The molecules in a file of `grok/tasks/data/pack_qm9.py`.

    Raises:
        UserError: it isn't there, or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file) as packed:
            return Molecules(**{name: packed[name].astype(int) for name in Molecules._fields})
    except Exception as error:  # whatever a damaged archive may raise
        raise UserError(
            f"task.file={path}: no packed molecules ({first_line(error)}); make it with "
            "grok/tasks/data/pack_qm9.py, or leave it null for the first 10,000 of QM9"
        ) from None


def graphs(molecules: Molecules, count: int) -> tuple[Array, Array]:
    """The first molecules as graphs, of as many nodes as the largest of them has atoms.

    Returns:
        Features of the nodes, shape (count, N, 11): one-hot element, atomic number, aromatic, sp,
        sp2, sp3 (these four zero, as PyTorch Geometric leaves them) and the number of hydrogens;
        zero where a molecule has no more atoms. And adjacencies, shape (count, N, 4 N): 1 in row
        `target` and column ``type * N + source``.
    """
    atoms, bond_counts = molecules.atoms[:count], molecules.bond_counts[:count]
    most = int(atoms.max())
    nodes, edges = np.zeros((count, most, 11)), np.zeros((count, most, BONDS, most))
    molecule, atom = np.repeat(np.arange(count), atoms), np.concatenate([*map(np.arange, atoms)])
    elements = molecules.elements[: len(atom)]
    for column, element in enumerate(ELEMENTS):
        nodes[molecule, atom, column] = elements == element
    nodes[molecule, atom, 5] = elements
    of, bonds = np.repeat(np.arange(count), bond_counts), molecules.bonds[: bond_counts.sum()]
    for source, target in (bonds[:, :2].T, bonds[:, 1::-1].T):
        edges[of, target, bonds[:, 2], source] = 1
    nodes[:, :, 10] = np.einsum("mtbs,ms->mt", edges, nodes[:, :, 0])
    return nodes, edges.reshape(count, most, BONDS * most)
