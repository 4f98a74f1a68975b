"""The program that a user of JAX would write: one network's step, `scan` over steps, `vmap`, `jit`.

For comparison, where JAX is installed; it starts from the same draws. Compiled once a process.
"""

import functools
import importlib.util
import math
import os
from collections.abc import Callable
from typing import Any

import stacks

AVAILABLE = importlib.util.find_spec("jax") is not None
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")  # a core a process
if AVAILABLE:
    import jax
    import jax.numpy as jnp

STEPS = 100
"""In one call of what is compiled, where nothing else is asked for."""
Judged = tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]
"""Of parameters and rows of a minibatch, loss and right samples; and what follows a step."""


def train(
    task: str,
    members: int,
    steps: int,
    precision: str = "32-true",
    settings: tuple[str, ...] = (),
    at_once: int = STEPS,
) -> None:
    """Take so many steps, a multiple of those `at_once` in a call, of so many members."""
    with jax.enable_x64(precision == "64-true"):
        run, carry = program(task, members, precision, settings, at_once)
        for _ in range(steps // at_once):
            carry, metrics = run(carry)
        jax.block_until_ready(metrics)


@functools.cache
def program(
    task: str, members: int, precision: str, settings: tuple[str, ...], at_once: int
) -> Any:
    """What takes so many steps, and the members to begin with: all that a step reads of each."""
    words = (f"task={task}", f"trainer.precision={precision}", *settings)
    member = stacks.member(*words)
    drawn = member.drawn(stacks.dtype(*words))
    params = {name: jnp.asarray(param.numpy()) for name, param in drawn.state.params.items()}
    given = jax.tree.map(lambda tensor: jnp.asarray(tensor.numpy()), drawn.given)
    rows = None
    if drawn.batches is not None:
        epochs = math.ceil(at_once / drawn.batches.per_epoch)
        order = jnp.asarray(drawn.batches.orders(0, epochs).numpy())
        rows = order.reshape(-1, drawn.batches.size)[:at_once]
    opt = member.opt
    of_group = {"encoder": (opt.lr_enc, opt.wd_enc), "decoder": (opt.lr_dec, opt.wd_dec)}
    rates = {name: jnp.asarray(of_group[member.task.group(name)]) for name in params}
    judged = TASKS[task](member.task, given)
    step = functools.partial(_step, betas=opt.betas, eps=opt.eps, judged=judged)
    moments = [jax.tree.map(jnp.zeros_like, params) for _ in range(2)]
    carry = (params, *moments, jnp.zeros(()), rates)
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf] * members), carry)
    scanned = jax.vmap(lambda carry: jax.lax.scan(step, carry, rows, length=at_once))
    return jax.jit(scanned), stacked


def _step(carry: Any, rows: Any, betas: Any, eps: float, judged: Judged) -> Any:
    params, first, second, done, rates = carry
    objective, after = judged
    (loss, right), grads = jax.value_and_grad(objective, has_aux=True)(params, rows)
    done = done + 1
    first = jax.tree.map(lambda m, g: m + (g - m) * (1 - betas[0]), first, grads)
    second = jax.tree.map(lambda v, g: betas[1] * v + (1 - betas[1]) * g * g, second, grads)
    corrections = [1 - beta**done for beta in betas]

    def moved(name: str) -> Any:
        lr, decay = rates[name]
        scale = jnp.sqrt(second[name]) / jnp.sqrt(corrections[1]) + eps
        return params[name] * (1 - lr * decay) - lr / corrections[0] * (first[name] / scale)

    params = {name: moved(name) for name in params}
    norm = jnp.sqrt(sum(jnp.square(param).sum() for param in params.values()))
    return (params, first, second, done, rates), (loss, right, after(params), norm)


def _mlp(params: Any, x: Any, layers: Any, activation: Any) -> Any:
    for i in layers:
        x = activation(x @ params[f"{i}.weight"].T + params[f"{i}.bias"])
    return x


def _toy(_task: Any, given: Any) -> Judged:
    def outputs(params: Any, pairs: Any) -> Any:
        x = params["encoder.weight"][pairs].sum(-2)
        x = _mlp(params, x, ("decoder.0", "decoder.2"), jnp.tanh)
        return _mlp(params, x, ("decoder.4",), lambda x: x)

    def judge(params: Any, part: Any) -> Any:
        out, labels = outputs(params, part["inputs"]), part["labels"]
        if "targets" in part:
            vectors = given.fixed["vectors"]
            predicted = (2 * out @ vectors.T - jnp.square(vectors).sum(-1)).argmax(-1)
            return jnp.square(out - part["targets"]).mean(), (predicted == labels).sum()
        likely = jax.nn.log_softmax(out)
        loss = -jnp.take_along_axis(likely, labels[:, None], 1).mean()
        return loss, (out.argmax(-1) == labels).sum()

    return (lambda params, _: judge(params, given.train)), (lambda params: judge(params, given.val))


def _mnist(task: Any, given: Any) -> Judged:
    names = [name for name, _ in task.network().named_parameters()]
    *hidden, last = dict.fromkeys(name.rpartition(".")[0] for name in names)

    def judge(params: Any, rows: Any) -> Any:
        labels = given.train["labels"][rows]
        x = given.train["inputs"][rows]
        out = _mlp(params, _mlp(params, x, hidden, jax.nn.relu), (last,), lambda x: x)
        loss = jnp.square(out - jax.nn.one_hot(labels, 10)).mean()
        return loss, (out.argmax(-1) == labels).sum()

    return judge, lambda _: 0


def _modular(task: Any, given: Any) -> Judged:
    """A block of attention, keys and values once for each number and position, as in the task."""

    def outputs(params: Any, pairs: Any) -> Any:
        of_block = {name.removeprefix("blocks.0."): param for name, param in params.items()}
        end = params["embed"][-1] + params["position"][2]
        tables = jnp.concatenate([params["embed"][:-1] + params["position"][i] for i in (0, 1)])
        where = jnp.stack([pairs[:, 0], pairs[:, 1] + task.symbols], 1)
        heads = functools.partial(_by_head, heads=task.heads)
        query, size = heads(of_block["query"] @ end), task.width // task.heads
        rows = jnp.concatenate([tables, end[None]])
        scores = (heads(rows @ of_block["key"].T) * query).sum(-1) / math.sqrt(size)
        values = heads(rows @ of_block["value"].T)
        all_ends = jnp.full_like(where[:, :1], len(tables))
        where = jnp.concatenate([where, all_ends], 1)
        attention = jax.nn.softmax(scores[where], 1)[..., None]
        mixed = (attention * values[where]).sum(1).reshape(len(pairs), -1)
        x = end + mixed @ of_block["out"].T
        hidden = jax.nn.relu(x @ of_block["inner"].T + of_block["inner_bias"])
        return (x + hidden @ of_block["outer"].T + of_block["outer_bias"]) @ params["unembed"].T

    def judge(params: Any, _rows: Any) -> Any:
        out, labels = outputs(params, given.train["inputs"]), given.train["labels"]
        loss = -jnp.take_along_axis(jax.nn.log_softmax(out), labels[:, None], 1).mean()
        return loss, (out.argmax(-1) == labels).sum()

    return judge, lambda _: 0


def _by_head(rows: Any, heads: int) -> Any:
    return rows.reshape(*rows.shape[:-1], heads, -1)


TASKS = {
    "toy_regression": _toy,
    "toy_classification": _toy,
    "mnist": _mnist,
    "modular": _modular,
}
