"""A YAML file to plain values, and the line that each of them stands on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_BYTES = 1024**2
_DEEPEST = 20

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
        """Tell the line of a value, or of the nearest one around it that stands in the file."""
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
    FieldError
        If it cannot be read, is no YAML, or says something in two ways.
    """
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            msg = f"is larger than {MOST_BYTES // 1024} kB"
            raise FieldError((), msg)
        node = yaml.compose(data.decode("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise FieldError((), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FieldError((), "is no UTF-8 text", line) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FieldError(
            (), f"is no YAML: {error.problem or error.context}", mark.line + 1 if mark else None
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else "is no YAML"
        raise FieldError((), reason) from error
    if node is None:
        raise FieldError((), "is empty")
    lines: dict[FieldPath, int] = {}
    return YamlFile(_value(node, (), lines, set()), lines)


def _value(node: Node, field: FieldPath, lines: dict[FieldPath, int], seen: set[int]) -> Any:  # noqa: ANN401
    """Turn a node into plain values, and note where they stand."""
    line = node.start_mark.line + 1
    lines.setdefault(field, line)
    if id(node) in seen:
        raise FieldError(field, "is an alias: write it out", lines[field])
    if len(field) > _DEEPEST:
        raise FieldError(field, "is nested too deeply", line)
    seen.add(id(node))
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
        if not isinstance(key, ScalarNode):
            raise FieldError(field, "a name must be plain text", line)
        inner = (*field, key.value)
        if key.value in values:
            raise FieldError(inner, "is given twice", line)
        lines[inner] = line
        values[key.value] = _value(value, inner, lines, seen)
    return values


def _scalar(node: Node, field: FieldPath) -> Any:  # noqa: ANN401 - whatever YAML has
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        msg = f"{node.value!r} has a type that is not known here"
        raise FieldError(field, msg, node.start_mark.line + 1) from error
    finally:
        loader.dispose()
