"""A YAML file to plain values, and the line that each of them stands on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

MOST_BYTES = 64 * 1024  # a second's work; policies are a thirtieth of that
_DEEPEST = 20
_LONGEST_SHOWN = 40
_MOST_BITS = 64  # of a whole number: Python does not print those of thousands of digits
_DEEPEST_AT_ALL = 100  # beyond it not even a field is named: each level is a few calls
_PLAIN_TAGS: dict[type[Node], str] = {
    MappingNode: "tag:yaml.org,2002:map",
    SequenceNode: "tag:yaml.org,2002:seq",
}
# PyYAML lets these out where a tag and its text do not fit: !!int '', !!bool x, 1:1:1:…:1.0
_MISFITS = (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError)

FieldPath = tuple[str | int, ...]


class FieldError(ValueError):
    """A value of a file is wrong.

    Parameters
    ----------
    field : tuple
        Names and numbers that lead to it; empty for the whole document.
    message : str
        What is wrong.
    line : int, optional
        Where, from 1; where it is not given, the line of the field.
    """

    def __init__(self, field: FieldPath, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.line = line


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file holds.

    Attributes
    ----------
    content : Any
        Mappings, lists and plain values.
    lines : mapping of tuple to int
        The line, from 1, of each value, by the names and numbers that lead to it.
    """

    content: Any
    lines: Mapping[FieldPath, int]

    def line_of(self, field: FieldPath) -> int:
        """Return the line of a value, or of the nearest one around it that stands in the file."""
        while field and field not in self.lines:
            field = field[:-1]
        return self.lines.get(field, 1)


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file of one document, without aliases, without a name given twice.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    YamlFile

    Raises
    ------
    OSError
        If it cannot be read.
    FieldError
        If it is not YAML, or says something in two ways.
    """
    node = _compose(_read_text(path))
    if node is None:
        raise FieldError((), "is empty")
    lines: dict[FieldPath, int] = {}
    return YamlFile(_value(node, (), lines, set()), lines)


def _read_text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise FieldError((), "is not a file")  # whoever opens a pipe waits for its other end
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        msg = f"is larger than {MOST_BYTES // 1024} kB"
        raise FieldError((), msg)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FieldError((), "is not UTF-8 text", line) from error


class _Loader(yaml.SafeLoader):
    """Composes nodes to a bounded depth: its own way is one call in another for each level."""

    _depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self._depth > _DEEPEST_AT_ALL:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # as its stubs are
            raise ComposerError(None, None, "nested too deeply", mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _compose(text: str) -> Node | None:
    """Read text as a tree of nodes; None where it holds nothing."""
    try:
        loader = _Loader(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        msg = f"is not YAML: the character {chr(error.character)!r} is not allowed"
        raise FieldError((), msg, line) from error
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else loader.line
        msg = f"is not YAML: {error.problem or error.context}"
        raise FieldError((), msg, line + 1) from error
    except _MISFITS as error:
        raise FieldError((), f"is not YAML: {error}", loader.line + 1) from error
    finally:
        loader.dispose()


def _value(node: Node, field: FieldPath, lines: dict[FieldPath, int], seen: set[int]) -> Any:  # noqa: ANN401
    """Turn a node into plain values, and note where they stand."""
    line = node.start_mark.line + 1
    lines.setdefault(field, line)
    if id(node) in seen:
        raise FieldError(field, "is an alias: write it out", lines[field])
    if len(field) > _DEEPEST:
        raise FieldError(field, "is nested too deeply", line)
    seen.add(id(node))
    if type(node) in _PLAIN_TAGS and node.tag != _PLAIN_TAGS[type(node)]:
        raise FieldError(field, f"has the type {node.tag}, which is not known here", line)
    if isinstance(node, MappingNode):
        return _mapping(node, field, lines, seen)
    if isinstance(node, SequenceNode):
        return [_value(one, (*field, at), lines, seen) for at, one in enumerate(node.value)]
    return _scalar(node, field)


def _mapping(
    node: MappingNode, field: FieldPath, lines: dict[FieldPath, int], seen: set[int]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode) or not _is_text(key.value):
            raise FieldError(field, "a name must be plain text", line)
        inner = (*field, key.value)
        if key.value in values:
            raise FieldError(inner, "is given twice", line)
        lines[inner] = line
        values[key.value] = _value(value, inner, lines, seen)
    return values


def _scalar(node: Node, field: FieldPath) -> Any:  # noqa: ANN401 - whatever YAML has
    line = node.start_mark.line + 1
    if not _is_text(node.value):
        raise FieldError(field, "contains an unpaired surrogate", line)
    try:
        value = SafeConstructor().construct_object(node)
    except _MISFITS as error:
        msg = f"{_shortened(node.value)!r} has a type that is not known here"
        raise FieldError(field, msg, line) from error
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        msg = f"{_shortened(node.value)} is too large a number"
        raise FieldError(field, msg, line)
    return value


def _is_text(value: str) -> bool:
    """Return whether all of it are characters: half of one cannot stand in any answer."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _shortened(value: str) -> str:
    return value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
