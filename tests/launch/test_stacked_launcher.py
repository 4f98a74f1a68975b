"""The launcher under Hydra's own conformance tests, and against the basic launcher."""

import pandas as pd
import pytest
import yaml
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import IntegrationTestSuite, LauncherTestSuite

from hydra_plugins.stacked_launcher import StackedLauncher
from tests.launch.small_sweep import SWEEP as MEMBERS
from tests.launch.small_sweep import table


def test_discovery():
    names = [launcher.__name__ for launcher in Plugins.instance().discover(Launcher)]
    assert StackedLauncher.__name__ in names


# The suites are written for applications of Hydra 1.1, whose jobs change their directory.
AS_HYDRA_1_1 = pytest.mark.filterwarnings("ignore:\\s*Future Hydra versions")


@AS_HYDRA_1_1
@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", [])])
class TestStackedLauncher(LauncherTestSuite):
    """Hydra's own tests of a launcher."""


@AS_HYDRA_1_1
@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        (
            {
                "defaults": [
                    {"override hydra/launcher": "stacked"},
                    {"override hydra/hydra_logging": "disabled"},
                    {"override hydra/job_logging": "disabled"},
                ]
            },
            ["-m"],
        )
    ],
)
class TestStackedLauncherIntegration(IntegrationTestSuite):
    """Hydra's own tests of a launcher in an application."""


SWEEP = [*MEMBERS, "opt.wd_dec=0,2", "task.activation=tanh,relu"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory, run_train):
    """The same sweep by the basic and by the stacked launcher."""
    found = {}
    for name, options in (("basic", []), ("stacked", ["hydra.launcher.stack_size=3"])):
        found[name] = tmp_path_factory.mktemp(name)
        where = [f"hydra/launcher={name}", f"hydra.sweep.dir={found[name]}"]
        done = run_train(*SWEEP, *where, *options)
        assert done.returncode == 0, done.stderr
        assert "8 of 8 finished" in done.stdout
    return found


@pytest.mark.long
def test_same_numbers(folders):
    tables = {name: table(folder) for name, folder in folders.items()}
    pd.testing.assert_frame_equal(tables["basic"], tables["stacked"], rtol=1e-9)
    assert tables["basic"]["phase"].nunique() > 1


@pytest.mark.long
def test_same_folders_and_files(folders):
    listings = {
        name: sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        for name, folder in folders.items()
    }
    assert listings["basic"] == listings["stacked"]


def without_launcher(content, folder):
    """Hydra's own record of a job, less what differs between launchers by intent."""
    hydra = yaml.safe_load(content.replace(str(folder), "FOLDER"))["hydra"]
    del hydra["launcher"], hydra["runtime"]["choices"]["hydra/launcher"]
    hydra["overrides"]["hydra"] = [
        override for override in hydra["overrides"]["hydra"] if "launcher" not in override
    ]
    return hydra


@pytest.mark.long
@pytest.mark.parametrize("job", range(8))
def test_jobs_are_composed_as_hydra_does(folders, job):
    texts = {
        name: {path.name: path.read_text() for path in (folder / str(job) / ".hydra").iterdir()}
        for name, folder in folders.items()
    }
    for name in ("config.yaml", "overrides.yaml"):
        assert texts["basic"][name] == texts["stacked"][name]
    hydra = [without_launcher(texts[name]["hydra.yaml"], folders[name]) for name in folders]
    assert hydra[0] == hydra[1]


@pytest.mark.long
def test_a_logger_is_not_ignored(tmp_path, run_train):
    done = run_train(
        *SWEEP[:2], "phase.budget=20", "seed.model=1,2", "logger=csv",
        "hydra/launcher=stacked", f"hydra.sweep.dir={tmp_path}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "one job after another" in done.stdout
    assert all((tmp_path / job / "csv" / "metrics.csv").is_file() for job in "01")
