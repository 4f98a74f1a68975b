"""Every task keeps its contract, and whoever writes one is told in a line where it doesn't."""

from dataclasses import dataclass

import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from grok import check_task
from grok.composing import compose
from grok.errors import ConfigError
from grok.tasks import Data
from tests.checks.wrong_tasks import (
    Activated,
    Branching,
    Foreign,
    NoJson,
    Projecting,
    Recurrent,
    Scaling,
    Undeclared,
    Unhashable,
    Unused,
    Widened,
    by_numpy,
    fewer,
    per_sample,
    scalar,
    scaled,
    sequential,
    uneven,
)
from tests.tasks.examples import EXAMPLES, FixedTensors, Sign
from tests.tasks.small import SMALL


@pytest.mark.parametrize("name", SMALL)
def test_shipped_tasks(name):
    check_task(instantiate(compose(f"task={name}", *SMALL[name]).task), thorough=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_every_kind(name):
    check_task(EXAMPLES[name](), thorough=True)


WRONG = {
    "a field that can't be hashed": (
        Unhashable,
        {},
        r"task\.sizes=\{\}: can't be hashed; let it be a number, a text or a list",
    ),
    "a field that JSON can't hold": (
        NoJson,
        {},
        r"task\.dtype=torch\.float32: can't be written as JSON; let it be a number",
    ),
    "another module": (
        Sign,
        {"network": lambda self: Foreign()},
        r"task: group\('embed\.weight'\) is 'embed'; call the top-level modules of the network "
        r"encoder and decoder, or let the task's group\(name\) give one of these",
    ),
    "rows that are no samples": (
        Sign,
        {"data": per_sample},
        r"task: data\(seed\)\.train\['vectors'\] has 3 rows, where train\['inputs'\] has 24 "
        r"samples; put what isn't a row a sample into Data's fixed",
    ),
    "a scalar among samples": (
        Sign,
        {"data": scalar},
        r"task: data\(seed\)\.val\['threshold'\] is a scalar, where val\['inputs'\] has 16 samples",
    ),
    "sizes that depend on the seed": (
        Sign,
        {"data": uneven},
        r"task: data\(seed\)\.val\['inputs'\] has shape and type .* for the seed 0 and .* for the "
        r"seed 1; they must not depend on it",
    ),
    "a minibatch larger than all": (
        Sign,
        {"minibatch": lambda self: 25},
        r"task: minibatch\(\) gives 25; it must be from 1 to the 24 training samples",
    ),
    "evaluations out of reach": (
        Sign,
        {"evaluations": lambda self, budget: [10, budget + 1]},
        r"task: evaluations\(100000\) has 100001; its steps must be from 1 to the budget",
    ),
    "outputs without rows": (
        Sign,
        {"outputs_of": lambda self, network, batch: network(batch["inputs"]).sum(0)},
        r"task: outputs_of gives \(2,\) for 8 samples; it must be a tensor with a row a sample",
    ),
    "inputs of another name": (
        Sign,
        {"outputs_of": lambda self, network, batch: network(batch["tokens"])},
        r"task: outputs_of\(network, train batch\) fails \(KeyError: 'tokens'\)",
    ),
    "a loss a sample": (
        Sign,
        {"loss_of": lambda self, outputs, batch: outputs.sum(-1)},
        r"task: loss_of gives \(8,\); it must be a scalar, such as a mean",
    ),
    "an accuracy": (
        Sign,
        {"correct": lambda self, outputs, batch: (outputs > 0).float().mean()},
        r"task: correct gives torch\.float32 of shape \(\) for 8 samples; it must be torch\.bool",
    ),
    "dropout": (
        Sign,
        {"network": sequential(nn.Dropout(0.5))},
        r"task: its network draws random numbers while it trains \(Dropout\), which no run could "
        r"repeat; leave that layer out",
    ),
    "batch norm": (
        Sign,
        {"network": sequential(nn.BatchNorm1d(16))},
        r"task: its network changes the buffer encoder\.1\.running_mean \(BatchNorm1d\) while it "
        r"trains, .* take a layer without such state",
    ),
    "a branch on values": (
        Sign,
        {"network": lambda self: Branching()},
        r"task: torch\.func can't map its network, loss or correctness over members \(.*\); set "
        r"STACKABLE = False, and it trains on the plain path",
    ),
    "a GRU": (
        Sign,
        {"network": lambda self: Recurrent()},
        r"task: torch\.func can't map its network, .* \(.*aten::gru.*\); set STACKABLE = False",
    ),
    "a shape that may vary": (
        Widened,
        {},
        r"task: width decides the shape of encoder\.weight, and may vary in a stack; take it out",
    ),
    "a parameter without a part": (
        Sign,
        {"network": lambda self: Unused()},
        r"task: the loss doesn't depend on encoder\.weight; let it have requires_grad=False",
    ),
    "data that is another each time": (
        Sign,
        {"data": lambda self, seed: Data(*[{"inputs": torch.randn(8, 4)}] * 2)},
        r"task: data\(0\)\.train\['inputs'\] is another each time; draw it from a generator of its",
    ),
    "weights by another generator": (
        Sign,
        {"network": lambda self: by_numpy(Sign.network(self))},
        r"task: decoder\.bias of its network is another each time under the same seed of PyTorch",
    ),
    "a batch changed in place": (
        Sign,
        {"outputs_of": lambda self, network, batch: network(batch["inputs"].add_(1))},
        r"task: outputs_of changes its batch in place; let it work on a copy",
    ),
    "a loss by what varies": (
        FixedTensors,
        {"loss_of": lambda self, outputs, batch: self.threshold * outputs.square().mean()},
        r"task: loss_of reads threshold, which may vary in a stack; hand it on as a tensor in",
    ),
    "a network by what varies": (
        FixedTensors,
        {"outputs_of": lambda self, network, batch: self.threshold * network(batch["inputs"])},
        r"task: outputs_of reads threshold, which may vary in a stack; hand it on as a tensor in",
    ),
    "a correctness by what varies, of which eight samples show nothing": (
        FixedTensors,
        {"correct": lambda self, outputs, batch: outputs.amax(-1).abs() > 1e9 * self.threshold},
        r"task: correct reads threshold, which may vary in a stack; hand it on as a tensor in Data",
    ),
    "weights that are used in a way that varies": (
        Activated,
        {},
        r"task: its network, given the same weights, is another for another activation, which may",
    ),
    "data by the initial scale": (
        Sign,
        {"data": lambda self, seed: scaled(self, seed)},
        r"task: data\(seed\) depends on init_scale, which scales the initial weights alone; give",
    ),
    "so many samples by the initial scale": (
        Sign,
        {"data": lambda self, seed: fewer(self, seed)},
        r"task: data\(seed\) depends on init_scale, which scales the initial weights alone; give",
    ),
    "noise in the loss": (
        Sign,
        {"loss_of": lambda self, outputs, batch: outputs.square().mean() + torch.rand(())},
        r"task: loss_of draws random numbers, which no run could repeat; leave them out",
    ),
    "inputs changed in place by another": (
        Sign,
        {"correct": lambda self, outputs, batch: batch["inputs"].add_(1)[:, 0] > 0},
        r"task: correct changes its outputs or batch in place; let it work on a copy",
    ),
    "single precision alone": (
        Sign,
        {"outputs_of": lambda self, network, batch: network(batch["inputs"]) @ torch.eye(2)},
        r"task: outputs_of\(network, train batch\) fails \(RuntimeError: .*double",
    ),
    "a tensor that is no buffer": (
        Sign,
        {"network": lambda self: Projecting()},
        r"task: its network has the tensor features, which is neither parameter nor buffer, .* let "
        r"the module register_buffer it",
    ),
    "numbers that are no tensors": (
        Sign,
        {"network": lambda self: Scaling()},
        r"task: its network has numbers beside its parameters and buffers, .* register_buffer them",
    ),
    "ranges that fail": (
        Sign,
        {"problems": lambda self: {}["width"]},
        r"task: problems\(\) fails \(KeyError: 'width'\)",
    ),
    "no samples": (
        Sign,
        {
            "data": lambda self, seed: Sign.data(self, seed)._replace(
                val={"inputs": torch.ones(0, 4)}
            )
        },
        r"task: data\(seed\)\.val\['inputs'\] has no samples",
    ),
    "nothing to learn": (
        Sign,
        {"network": lambda self: Sign.network(self).requires_grad_(False)},
        r"task: no parameter of its network learns",
    ),
    "no tensors": (
        Sign,
        {"data": lambda self, seed: Data({"inputs": [1, 2]}, {})},
        r"task: data\(seed\)\.train\['inputs'\]\[?0?\]? is a (int|list); make it a tensor",
    ),
}


def test_a_subclass_with_fields_is_a_dataclass():
    line = r"task: Undeclared has extra, but is no dataclass; write @dataclass\(frozen=True\) above"
    with pytest.raises(ConfigError, match=line):
        check_task(Undeclared())


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_tasks_are_refused_by_the_right_line(mistake):
    base, methods, line = WRONG[mistake]
    settings = {"activation": "relu"} if base is Activated else {}
    task = dataclass(frozen=True)(type("Wrong", (base,), methods))(**settings)
    with pytest.raises(ConfigError, match=line) as caught:
        check_task(task)
    others = [other for other in str(caught.value).splitlines() if "doesn't depend on" not in other]
    assert len(others) == 1 or mistake == "a parameter without a part", "nothing else is said"
