"""Words of a command line: what to type instead of one that can't be read."""

import os
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from grok.checks.words import given, typed, unreadable, with_folders, with_home
from grok.errors import ConfigError


def parsed(word):
    (override,) = OverridesParser.create().parse_overrides([word])
    return override.value()


def refusal(*words):
    """The line about the first of the words that Hydra can't read."""
    with pytest.raises(OverrideParseException) as caught:
        OverridesParser.create().parse_overrides(list(words))
    return unreadable(caught.value.override, words, str(caught.value))


@pytest.mark.parametrize(
    "folder",
    [
        "/tmp/a=b",
        "/a b",
        "it's",
        'a"b',
        "a,b",
        "a(b",
        "é",
        "a#b",
        "a\\",
        "plain-1.2/x",
        "1e3",
        "1_000",
        "true",
        "null",
        "nan",
        "0x1",
        "a:b",
        "${a",
    ],
)
def test_a_typed_word_is_read_as_its_text(folder):
    assert parsed(typed("data.dir", folder)) == folder


@pytest.mark.parametrize("folder", ["/tmp/a=b", "it's", "a(b", "é", "a#b", "a&b"])
def test_the_quoted_form_of_a_folder_can_be_pasted(folder):
    line = refusal(f"data.dir={folder}")
    said = f"data.dir={folder}: not an override; text with such characters is quoted: "
    assert line.startswith(said)
    (word,) = shlex.split(line.removeprefix(said))
    assert parsed(word) == folder


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a.b=1,", "2"], "a.b=1, 2: a blank ends a word; write a.b=1,2"),
        (["a.b", "=", "1"], "a.b = 1: a blank ends a word; write a.b=1"),
        (["c=1", "a.b=", "1"], "a.b= 1: a blank ends a word; write a.b=1"),
        (
            ["data.dir=/a", "b"],
            "data.dir=/a b: a folder with a blank is quoted; write 'data.dir=\"/a b\"'",
        ),
        (["a=1", "b"], "b: not an override; write key=value, such as opt.lr_dec=1e-3"),
        (["a..b=1"], "a..b=1: not an override; a key is of names joined by dots, such as opt.lr_d"),
        (["a==1"], "a==1: not an override; one = is enough: a=1"),
        (["a=1,,2,"], "a=1,,2,: not an override; there is no value beside a comma; write a=1,2"),
        (["a=range(x,y)"], "a=range(x,y): not an override; write range(1,5) or range(1,5,2)"),
        (["a=foo(1)"], "a=foo(1): not an override; foo is none of the functions range, linspace"),
        (["a=[1,2"], "a=[1,2: not an override; close the bracket or quote, or, for text: 'a=\"[1"),
        (["a={b:~/c}"], "a={b:~/c}: not an override; text with ~ is quoted: 'a={b:\"~/c\"}'"),
        (["a=b#c"], "a=b#c: not an override; text with such characters is quoted: 'a=\"b#c\"'"),
    ],
)
def test_what_to_type_instead(words, line):
    assert refusal(*words).startswith(line)


def test_an_option_has_its_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert with_home("--config-dir=~/conf") == "--config-dir=/home/me/conf"
    assert with_home("--config-dir=a~b") == "--config-dir=a~b"
    assert with_home("-m") == "-m"


def test_a_home_folder_is_written_in_full(monkeypatch):
    monkeypatch.setenv("HOME", "/home/a b")
    words = ["-m", "hydra.run.dir=~/x", "data.dir='~'", "~opt", "a=1", "a=~nobody-here"]
    assert with_folders(words) == [
        "-m", 'hydra.run.dir="/home/a b/x"', 'data.dir="/home/a b"', "~opt", "a=1", "a=~nobody-here"
    ]  # fmt: skip
    assert os.path.expanduser("~nobody-here") == "~nobody-here"
    with pytest.raises(ConfigError, match="there is no such home folder; write the path from / on"):
        with_folders(["hydra.sweep.dir=~nobody-here/x"])


@pytest.mark.parametrize("word", ["hydra.run.dir=", "hydra.sweep.dir=' '", "data.dir=null"])
def test_a_folder_has_a_name(word):
    with pytest.raises(ConfigError, match="must be a folder; leave it out for"):
        with_folders([word])


def test_the_last_word_of_a_key_counts():
    assert given("a.b", ["a.b=1", "+a.b=2", "a.bc=3"]) == "+a.b=2"
    assert given("a.b", []) == "a.b"
