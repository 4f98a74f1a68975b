import pytest

from grok.errors import interrupted


def fail_while_cleaning_up():
    try:
        raise KeyboardInterrupt
    finally:
        raise ValueError


def test_an_interrupt_is_known_in_what_libraries_make_of_it():
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - no message, as from a library
        fail_while_cleaning_up()
    assert interrupted(caught.value)
    assert interrupted(KeyboardInterrupt())
    assert not interrupted(ValueError())
    assert not interrupted(None)
