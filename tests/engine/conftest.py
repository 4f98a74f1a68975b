"""What tests of the engine have in common."""

import dataclasses

import pytest


@pytest.fixture
def member_of(make_member):
    """Makes members of any task, with the settings of `make_member`."""

    def make(task, **settings):
        return dataclasses.replace(make_member(**settings), task=task)

    return make
