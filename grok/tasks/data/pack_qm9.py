"""Makes qm9.npz, the file of molecules that is shipped, from SMILES. Needs RDKit and pandas.

    python grok/tasks/data/pack_qm9.py qm9_first10k.csv.gz qm9.npz

The table has the columns ``smiles`` and ``alpha_bohr3``, a row a molecule. That of the shipped file
holds the first 10,000 molecules of QM9 that passed its authors' checks (Ramakrishnan, Dral, Rupp
and von Lilienfeld, Scientific Data 1, 140022, 2014), as the package qm9pack 1.0.3 has them (MIT
licence).
"""

import sys

import numpy as np
import pandas as pd
from rdkit import Chem

BONDS = {Chem.BondType.SINGLE: 0, Chem.BondType.DOUBLE: 1, Chem.BondType.TRIPLE: 2}


def main(table: str, packed: str) -> None:
    """Read the table and write the file."""
    rows = pd.read_csv(table, keep_default_na=False)
    elements, bonds, atoms, bond_counts = [], [], [], []
    for smiles in rows["smiles"]:
        molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
        Chem.Kekulize(molecule, clearAromaticFlags=True)
        elements += [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
        bonds += [
            (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), BONDS[bond.GetBondType()])
            for bond in molecule.GetBonds()
        ]
        atoms.append(molecule.GetNumAtoms())
        bond_counts.append(molecule.GetNumBonds())
    np.savez_compressed(
        packed,
        atoms=np.array(atoms, np.uint8),
        elements=np.array(elements, np.uint8),
        bond_counts=np.array(bond_counts, np.uint8),
        bonds=np.array(bonds, np.uint8),
        polarizability=np.rint(100 * rows["alpha_bohr3"]).astype(np.uint16),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
