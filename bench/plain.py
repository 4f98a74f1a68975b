"""The published way, for comparison: a plain PyTorch loop over one network."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from grok.engine import Member
from grok.optim import AdamW


def plain_loop(member: Member) -> Callable[[], tuple[Tensor, Tensor]]:
    """A function that takes one optimizer step and returns train and validation accuracy."""
    torch.manual_seed(member.seed.model)
    network, task = member.task.network(), member.task
    data = task.data(member.seed.data)
    train, val = (part | data.fixed for part in (data.train, data.val))
    optimizer = adamw(network, member.opt)

    def step() -> tuple[Tensor, Tensor]:
        outputs = network(train["inputs"])
        loss = task.loss_of(outputs, train)
        train_accuracy = task.correct(outputs.detach(), train).float().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            val_accuracy = task.correct(network(val["inputs"]), val).float().mean()
        return train_accuracy, val_accuracy

    return step


def adamw(network: nn.Module, opt: AdamW) -> torch.optim.AdamW:
    """PyTorch's optimizer for the two groups of a network."""
    groups = [(network.encoder, opt.lr_enc, opt.wd_enc), (network.decoder, opt.lr_dec, opt.wd_dec)]
    return torch.optim.AdamW(
        [
            {"params": part.parameters(), "lr": lr, "weight_decay": weight_decay}
            for part, lr, weight_decay in groups
        ],
        betas=tuple(opt.betas),
        eps=opt.eps,
    )
