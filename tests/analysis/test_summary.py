"""What a summary warns of."""

import dataclasses

from grok.analysis import command
from grok.analysis.read.table import read_sweep
from grok.analysis.report.facts import facts
from grok.record.record import read_record, write_record


def test_phases_as_after_less_steps_say_so(grid_sweep, capsys):
    command.main([str(grid_sweep), "--budget", "1000", "--kind", "phases"])
    assert "phases        as after 1000 steps" in capsys.readouterr().out.splitlines()
    assert facts(read_sweep(grid_sweep, 1000))["Phases as"] == "after 1000 steps"
    assert "Phases as" not in facts(read_sweep(grid_sweep))


def test_members_that_ended_early_make_no_landscape(valley, capsys):
    """They haven't come down to the loss that their norm allows."""
    folder = valley()
    command.main([str(folder), "--kind", "landscape"])
    line = "ended early   5 of 5, so that losses aren't reduced (phase.early_stop=false)"
    assert line in capsys.readouterr().out.splitlines()
    for job in "01234":
        record = read_record(folder / job)
        write_record(folder / job, dataclasses.replace(record, stop_reason="budget"))
    command.main([str(folder), "--kind", "landscape"])
    assert "ended early" not in capsys.readouterr().out
