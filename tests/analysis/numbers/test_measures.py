import numpy as np

from grok.analysis.numbers import measures
from grok.analysis.read.table import read_sweep


def test_only_finite_values_after_the_initialisation(tmp_path, add_member, add_measures):
    add_measures(add_member(0), a={0: 1.0, 3: np.inf, 4: 2.0}, b={0: 1.0}, c={5: 0.0})
    found = measures.of_member(read_sweep(tmp_path), 0)
    assert {name: values.to_dict() for name, values in found.items()} == {
        "a": {4: 2}, "c": {5: 0}
    }  # fmt: skip
    (tmp_path / "0" / "measures.csv").unlink()
    assert measures.of_member(read_sweep(tmp_path), 0) == {}
