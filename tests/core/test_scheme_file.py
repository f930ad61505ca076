"""Schemes in files: written and read the same, faults named with their file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.tissue import TissueClass, TissueScheme, get_scheme, scheme_names


@pytest.mark.parametrize("name", scheme_names())
def test_a_scheme_written_to_a_file_reads_back_the_same(name: str, tmp_path: Path) -> None:
    file = tmp_path / "scheme.toml"
    file.write_text(get_scheme(name).to_toml(), encoding="utf-8")
    assert TissueScheme.from_toml(file) == get_scheme(name)
    assert get_scheme(str(file)) == get_scheme(name)


def test_names_with_quotes_umlauts_and_controls_survive_a_file(tmp_path: Path) -> None:
    first = TissueClass(0, "a", "#000000", description="a\nb\x7f")
    odd = TissueScheme('q"\\', "Drüse\tµ", (first, TissueClass(1, "b", "#0000ff")))
    file = tmp_path / "scheme.toml"
    file.write_text(odd.to_toml(), encoding="utf-8")
    assert TissueScheme.from_toml(file) == odd


def test_the_documented_example_is_a_scheme(tmp_path: Path) -> None:
    from textwrap import dedent

    from napari_histosynth.core import scheme_file

    assert scheme_file.__doc__ is not None
    file = tmp_path / "kidney.toml"
    file.write_text(dedent(scheme_file.__doc__.partition("::")[2]))
    scheme = get_scheme(file)
    assert scheme.names == ("background", "glomerulus", "tubulus")
    assert scheme.um_per_px == 0.5
    assert scheme.classes[1].aliases == ("#d62830",)


CLASS = '[[classes]]\nindex = 0\nname = "a"\ncolor = "#000000"\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", '"name"'),
        ('name = "x"', '"classes"'),
        ('name = "x"\nclasses = []', "0 classes"),
        ('name = "x"\nclasses = [3]', "class number 1"),
        ("name = 3\n" + CLASS, '"name" of the scheme is 3'),
        ('name = "x"\nbackground = 1.5\n' + CLASS, '"background" of the scheme is 1.5'),
        ('name = "x"\nbackground = true\n' + CLASS, '"background" of the scheme is True'),
        ('name = "x"\num_per_px = "1"\n' + CLASS, '"um_per_px"'),
        ('name = "x"\ncolours = 3\n' + CLASS, 'unknown key "colours"'),
        ('name = "x"\n' + CLASS.replace("color", "colour"), '"color"'),
        ('name = "x"\n' + CLASS + 'extra = "1"', 'unknown key "extra"'),
        ('name = "x"\n' + CLASS + "aliases = [1]", "aliases of class number 1"),
        ('name = "x"\n' + CLASS.replace("#000000", "black"), '"black"'),
        ('name = "x"\n' + CLASS + CLASS.replace('"a"', '"b"'), "index 0"),
        ('name = "x', "not a TOML file"),
    ],
)
def test_a_faulty_scheme_file_is_named_with_its_fault(text: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "faulty.toml"
    file.write_text(text)
    with pytest.raises(SchemeError) as caught:
        get_scheme(file)
    message = str(caught.value)
    assert str(file) in message
    assert named in message
    assert "\n" not in message


def test_a_missing_scheme_file_is_named(message_of: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match=r"no scheme file .*absent\.toml") as caught:
        get_scheme(tmp_path / "absent.toml")
    message_of(caught)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"# " + b"x" * 2_000_000])
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_bytes(content)
    with pytest.raises(SchemeError, match=r"other\.toml"):
        get_scheme(file)


def test_a_folder_is_no_scheme_file(tmp_path: Path) -> None:
    with pytest.raises(SchemeError):
        TissueScheme.from_toml(tmp_path)
