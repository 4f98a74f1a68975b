"""Whether members were made alike, in a line."""

from grok.analysis import command
from grok.analysis.numbers.mixture import mixture
from grok.analysis.read.table import read_sweep
from grok.analysis.report.facts import facts
from grok.record.record import Plan, write_plan

A = {"grok": "0.1.0", "torch": "2.5.1"}
B = {"grok": "0.2.0", "torch": "2.6.0"}


def test_members_that_differ(tmp_path, add_member, capsys):
    write_plan(tmp_path, Plan(["key"], [{"key": n} for n in range(3)]))
    for number, versions in enumerate((A, A, A)):
        add_member(number, {"key": number}, versions=versions, device="cpu")
    assert mixture(read_sweep(tmp_path)) == ""
    add_member(1, {"key": 1}, versions=B, device="H100", precision="64-true", git_revision="f00")
    line = (
        "grok: 0.1.0 (2), 0.2.0 at f00 (1); torch: 2.5.1 (2), 2.6.0 (1); "
        "device: cpu (2), H100 (1); precision: 32-true (2), 64-true (1)"
    )
    sweep = read_sweep(tmp_path)
    assert mixture(sweep) == line
    assert facts(sweep)["Mixed"] == line
    assert command.summary(sweep).splitlines()[-1] == f"mixed: members differ in {line}"


def test_what_is_swept_is_meant_to_differ(tmp_path, add_member):
    key = "trainer.precision"
    write_plan(tmp_path, Plan([key], [{key: "32-true"}, {key: "64-true"}]))
    for number, precision in enumerate(("32-true", "64-true")):
        add_member(number, {key: precision}, precision=precision, versions=A)
    assert mixture(read_sweep(tmp_path)) == ""


def test_a_task_of_somebody_else_and_damage_are_told(tmp_path, add_member):
    origin = {"module": "mine.a", "package": "mine", "version": None, "revision": "f00-dirty"}
    add_member(0, {"key": 0}, task_origin=origin, host="here", cpu="fast")
    add_member(1, {"key": 1})
    (tmp_path / "1" / "result.json").write_text("")
    told = facts(read_sweep(tmp_path))
    assert told["Task from"] == "mine f00-dirty"
    assert (told["Host"], told["CPU"]) == ("here", "fast")
    assert told["Damaged"].startswith(f"{tmp_path}/1/result.json: unreadable (")
    assert "Mixed" not in told
