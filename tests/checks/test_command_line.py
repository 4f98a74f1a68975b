"""Mistakes on the command line, each in one clear line that says what to type."""

import pytest

from tests.in_process import run_in_process


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["task=foo"],
            "task=foo: no such option; choose from imdb, mnist, modular, qm9, teacher_stud",
        ),
        (["opt.lr_dc=1"], "opt.lr_dc=1: no such key; did you mean opt.lr_dec?"),
        (["lr_dec=1"], "lr_dec=1: no such key; did you mean opt.lr_dec?"),
        (["opt.lr_dec=-1"], "opt.lr_dec=-1.0: must be a number of at least 0"),
        (["opt.lr_dec=abc"], "opt.lr_dec=abc: must be a number, such as 1e-3"),
        (["phase.threshold=1.5"], "phase.threshold=1.5: must be over 0 and at most 1, such as 0.9"),
        (["phase.budget=0"], "phase.budget=0: must be at least 1 optimizer step"),
        (["task.p=1"], "task.p=1: its 1 pairs can't be split"),
        (["opt.lr_dec=1,2"], "opt.lr_dec=1,2: several values make a sweep; add -m"),
        (["opt.lr_dec=["], "opt.lr_dec=[: not an override"),
        (["experiment=nope"], "experiment=nope: no such option; choose from omnigrok/fig10"),
        (
            ["hydra/launcher=foo"],
            "hydra/launcher=foo: no such option; choose from basic, joblib, stacked",
        ),
        (["trainer=gpu"], "trainer=gpu: no GPU found here; choose trainer=cpu or trainer=auto"),
        (["callbacks.curves.points=a"], "callbacks.curves.points=a: must be a whole number in"),
        (["phase.budget=5", "phase.budget=1e5"], "phase.budget=1e5: must be a whole number in"),
        (["phase.early_stop=maybe"], "phase.early_stop=maybe: must be true or false"),
        (["seed=5"], "seed=5: seed is a group; set seed.data, seed.model, seed.perturb"),
        (["-m", "seed=0,1"], "seed=0,1: seed is a group; set seed.data, seed.model, seed.perturb"),
        (["data=/tmp/x"], "data=/tmp/x: data is a group; set data.dir"),
        (["phase.budget=null"], "phase.budget=null: must be a whole number in plain digits"),
        (["opt.lr_dec=null"], "opt.lr_dec=null: must be a number, such as 1e-3"),
        (["weights.every=x"], "weights.every=x: must be a whole number in plain digits, such as"),
        (["norm.groups=encoder"], "norm.groups=encoder: must be a list, such as [a,b]"),
        (["-m", "opt.lr_dec=range(5,1)"], "opt.lr_dec=range(5,1): has no values; a range goes"),
        (["-m", "opt.lr_dec=range(1,5,0)"], "opt.lr_dec=range(1,5,0): must have a step that isn't"),
        (
            ["-m", "opt.lr_dec=range(1e-4,1e-2,5)"],
            "opt.lr_dec=range(1e-4,1e-2,5): has one value, for a step goes beyond its end; for "
            "several, linspace(0.0001,0.01,5)",
        ),
        (
            ["-m", "measures=rqi,distance"],
            "measures=rqi,distance: would train each member once for each; for all of them write "
            "measures=[rqi,distance]",
        ),
        (["-m", "opt.lr_dec=glob(*)"], "opt.lr_dec=glob(*): matches no option of a group; list"),
        (["-m", "opt.lr_dec=interval(0,1)"], "opt.lr_dec=interval(0,1): has no values of its own"),
        (["opt.lr_dec=range(0,3)"], "opt.lr_dec=range(0,3): several values make a sweep; add -m"),
        (["-m", "hydra.sweeper.max_batch_size=0"], "hydra.sweeper.max_batch_size=0: must be at"),
        (
            [
                *("-m", "hydra/launcher=stacked", "hydra.launcher.cluster=slurm"),
                *("hydra.launcher.wait=false", "hydra.sweeper.max_batch_size=2"),
            ],
            "hydra.sweeper.max_batch_size=2: must be null with hydra.launcher.wait=false",
        ),
        (
            ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"],
            "hydra.launcher.n_jobs=0: must be at least 1 process, or -1 for one a core",
        ),
        (
            ["-m", "experiment=re_tug/fig3,re_tug/fig4"],
            "experiment=re_tug/fig4: sets a hydra.sweeper of its own, which a job of a sweep can't",
        ),
        (["opt.lr_dec=1,", "2"], "opt.lr_dec=1, 2: a blank ends a word; write opt.lr_dec=1,2"),
        (["hydra.run.dir=/a=b"], "hydra.run.dir=/a=b: not an override; text with such characters"),
        (["hydra.run.dir="], "hydra.run.dir=: must be a folder; leave it out for one named after"),
        (["-m", "hydra.sweep.dir=''"], "hydra.sweep.dir='': must be a folder; leave it out for"),
        (["+opt.lr_dec=3"], "+opt.lr_dec=3: there is such a key already; write opt.lr_dec=3"),
        (["~callbacks.curves=3"], "~callbacks.curves=3: ~ takes a name only; write ~callbacks.cur"),
        (["~foo"], "~foo: no such key; python train.py --cfg job lists them"),
        (["opt.lr_dec=${foo}"], "opt.lr_dec=${foo}: refers to foo, which is no key"),
        (["opt.lr_dec=-1", "-m", "seed.data=2"], "opt.lr_dec=-1.0: must be a number of at least"),
        (["opt.lr_dec=1", "--multirn", "a=2"], "unrecognized arguments: --multirn; python train"),
        (["hydra.mode=RUN", "-m"], "hydra.mode=RUN: -m says otherwise; leave one of them out"),
        (["--foo"], "unrecognized arguments: --foo; python train.py --help"),
        (["task=mnist", "task.p=5"], "task.p=5: no such key with task=mnist; a key of task=mod"),
        (
            ["-m", "task=mnist,modular", "task.operation=add"],
            "task.operation=add: no such key with task=mnist; a key of task=modular",
        ),
        (
            ["-m", "task=modular,mnist", "task.p=5,6"],
            "task.p=5,6: no such key with task=mnist; a key of task=modular, task=toy_classific",
        ),
        (
            ["-m", "experiment=re_tug/fig2", "task.trainsize=5"],
            "task.trainsize=5: no such key with task=mnist; did you mean task.train_size?",
        ),
        (
            ["-m", "opt=sgd,adamw", "opt.momentum=0.9"],
            "opt.momentum=0.9: no such key with opt=adamw; a key of opt=sgd",
        ),
        (["hydra.launcher.workers=2"], "hydra.launcher.workers=2: no such key with hydra/launcher"),
        (["experiment=re_tug/fig12"], "this configuration is a sweep, not a single run; add -m"),
        (["-m", "experiment=re_tug/fig4", "hydra.sweeper.grid=0"], "hydra.sweeper.grid=0: must"),
        (["-m", "hydra.sweep.subdir=x", "opt.lr_dec=1,2"], "hydra.sweep.subdir: must be"),
        (["-m", "trainer.accelerator=cpu,tpu"], "trainer.accelerator=tpu: must be one of"),
        (["-m", "callbacks.curves.points=10,1"], "callbacks.curves.points=1: must be a whole"),
        (
            ["-m", "hydra/launcher=stacked", "hydra.launcher.workers=0", "seed.model=1,2"],
            "hydra.launcher.workers=0: must be auto or a whole number of at least 1",
        ),
        (
            ["-m", "hydra/launcher=stacked", "hydra.launcher.devices=[0]", "seed.model=1,2"],
            "hydra.launcher.devices=[0]: GPU 0 can't be used, there are 0 with trainer.acc",
        ),
        (
            ["-m", "hydra/launcher=stacked", "hydra.launcher.devices=0", "seed.model=1,2"],
            "hydra.launcher.devices=0: must be auto or a list of numbers, such as [0,1]",
        ),
        (
            ["task=mnist", "task.batchsize=3"],
            "task.batchsize=3: no such key with task=mnist; did y",
        ),
        (["measures.rqi.every=3"], "measures.rqi.every=3: no such key; a key of measures=rqi"),
        (["~callbacks.foo"], "~callbacks.foo: no such key with callbacks=default; python train.py"),
        (["~callbacks.curve"], "~callbacks.curve: no such key; did you mean callbacks.curves?"),
        (["~measures"], "~measures: none is chosen; leave it out"),
        (["opt={a:1}"], "opt={a:1}: opt.a: no such key with opt=adamw; python train.py opt=adamw"),
        (["weights.every.x=1"], "weights.every.x=1: must be a whole number in plain digits, such"),
        (["opt.betas.x=1"], "opt.betas.x=1: invalid literal for int() with base 10: 'x'"),
        (["-m", "task=[mnist,modular]"], "task=[mnist,modular]: must be one option; write task=mn"),
        (["task=[mnist]"], "task=[mnist]: must be one option; write task=mnist"),
        (
            ["-m", "seed=[0,1]"],
            "seed=[0,1]: seed is a group; set seed.data, seed.model, seed.pertu",
        ),
        (
            ["hydra/launcher=[stacked]"],
            "hydra/launcher=[stacked]: must be one option; write hydra/l",
        ),
        (
            ["hydra/launcher=3"],
            "hydra/launcher=3: hydra/launcher is a group; choose from basic, joblib",
        ),
        (
            ["task._target_=grok.tasks.mnist.MNIST"],
            "task.objective, task.p, task.train_fraction, ta",
        ),
        (["-m", "opt.lr_dec=range(-5,0)"], "opt.lr_dec=-5.0: must be a number of at least 0 (and"),
        (
            ["-m", "hydra.sweeper.params.foo=5"],
            "hydra.sweeper.params.foo=5: is for files; on a com",
        ),
        (["-m", "--cfg", "job"], "--cfg job: shows a single configuration; leave -m out"),
        (
            ["+measures._target_=grok.measures.Function"],
            "measures._target_=grok.measures.Function: has no name; put the keys of its file below",
        ),
        (["hydra=5"], "hydra=5: hydra is a section; python train.py --cfg hydra lists its keys"),
        (["hydra.run=5"], "hydra.run=5: must be a mapping of dir"),
        (["hydra.mode=FOO"], "hydra.mode=FOO: must be one of RUN, MULTIRUN, or null"),
        (["hydra.verbose=5"], "hydra.verbose=5: must be true, false or a list of loggers, such as"),
        (["hydra.searchpath=3"], "hydra.searchpath=3: must be a list; write hydra.searchpath=[3]"),
        (["hydra.callbacks.own_folder=3"], "hydra.callbacks.own_folder=3: must be a mapping with"),
        (["hydra.job_logging.root.level=FOO"], "hydra.job_logging.root.level=FOO: Unable to conf"),
        (["hydra.job.env_set.A=3"], "hydra.job.env_set.A=3: no such key; write +hydra.job.env_set"),
        (["hydra.job.num=3"], "hydra.job.num=3: is filled in by Hydra; leave it out"),
        (["+hydra.foo=3"], "+hydra.foo=3: no such key; python train.py --cfg hydra lists them"),
        (["~hydra.run"], "~hydra.run: Hydra needs it; leave ~ out, or set it"),
        (
            ["-m", "hydra.launcher=5"],
            "hydra.launcher=5: must be a mapping with a _target_, a class",
        ),
        (
            ["-m", "hydra/launcher=joblib", "hydra.launcher.backend=x"],
            "hydra.launcher.backend=x: In",
        ),
        (
            ["hydra.run.dir=${hydra.foo}"],
            "hydra.run.dir=${hydra.foo}: refers to hydra.foo, which is",
        ),
        (
            ["hydra.sweep.dir=x"],
            "hydra.sweep.dir=x: is for sweeps; add -m, or write hydra.run.dir=..",
        ),
        (["hydra.sweep.subdir=x"], "hydra.sweep.subdir=x: is for sweeps; add -m, or leave it out"),
        (["hydra.sweeper.grid=3"], "hydra.sweeper.grid=3: is for sweeps; add -m, or leave it out"),
        (
            ["hydra/launcher=stacked"],
            "hydra/launcher=stacked: is for sweeps; add -m, or leave it ou",
        ),
        (
            ["-m", "hydra.run.dir=x"],
            "hydra.run.dir=x: is for a single run; of a sweep write hydra.sw",
        ),
        (["-m", "opt.lr_dec=1,-1"], "opt.lr_dec=-1.0: must be a number of at least 0"),
        (["-m", "opt.lr_dec=1,abc"], "opt.lr_dec=abc: must be a number, such as 1e-3"),
        (["-m", "opt.lr_dc=1,2"], "opt.lr_dc=1,2: no such key; did you mean opt.lr_dec?"),
        (["-m", "task=toy_regression,foo"], "task=foo: no such option; choose from"),
        (
            ["-m", "hydra.sweeper.gird=1"],
            "hydra.sweeper.gird=1: no such key; did you mean hydra.sw",
        ),
    ],
)
def test_mistakes(arguments, line, monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run_in_process(monkeypatch, *arguments) == 2
    printed = capfd.readouterr().err.splitlines()
    assert len(printed) == 1
    assert printed[0].startswith(f"error: {line}")
    assert not list(tmp_path.glob("multirun/**/result.json"))
