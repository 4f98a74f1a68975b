"""The same numbers of every task under every launcher."""

import pandas as pd
import pytest
from hydra.utils import get_class

from grok.analysis import load
from grok.composing import compose
from tests.tasks.small import SMALL

LAUNCHERS = {
    "basic": [],
    "joblib": ["hydra.launcher.n_jobs=2"],
    "stacked": ["hydra.launcher.workers=1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("task", SMALL)
def test_same_numbers_under_every_launcher(task, tmp_path, run_train):
    tables, stackable = [], get_class(compose(f"task={task}").task._target_).STACKABLE
    for launcher, options in LAUNCHERS.items():
        folder = tmp_path / launcher
        done = run_train(
            "-m", f"task={task}", *SMALL[task], "opt.lr_dec=1e-2,1e-3", "opt.wd_dec=0,1",
            "phase.budget=200", "trainer.precision=64-true", f"hydra/launcher={launcher}",
            f"hydra.sweep.dir={folder}", *options,
            *["hydra.launcher.stack_size=3"] * (stackable and launcher == "stacked"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        tables.append(load(folder).drop(columns=["wall_seconds", "folder"]))
    assert len(tables[0]) == 4
    exact = ["job", "phase", "t_train", "t_val", "steps", "train_accuracy", "val_accuracy"]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table[exact], tables[0][exact])
        pd.testing.assert_frame_equal(table, tables[0], rtol=1e-12)
