"""Words for people: what a schema says of a wrong value, and what to install."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PLAIN = {
    "missing": "is missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "frozen_set_type": "must be a list",
}
_BEGINNINGS = {"Value error, ": "", "Input should be": "must be", "String should": "must"}
_HARMLESS = re.compile(r"[\w .%+-]{0,40}", re.ASCII)  # no URL, which may hold a password
_LARGEST_SHOWN = 10**15


def plain(error: "ErrorDetails") -> str:
    """Say what is wrong with a value, without the words of a programming language.

    Parameters
    ----------
    error : ErrorDetails
        Of pydantic.

    Returns
    -------
    str
        To be read after the name of what is wrong.
    """
    words = _PLAIN.get(error["type"], error["msg"])
    for theirs, ours in _BEGINNINGS.items():
        if words.startswith(theirs):
            return ours + words.removeprefix(theirs)
    return words


def not_that(value: object) -> str:
    """Quote a wrong value, ``, not 'x'``; nothing of what is long or may hold a password."""
    if isinstance(value, str):
        is_shown = bool(_HARMLESS.fullmatch(value))
    else:
        is_shown = isinstance(value, int | float) and abs(value) < _LARGEST_SHOWN
    return f", not {value!r}" if is_shown else ""


def how_to_install(extra: str) -> str:
    """Say how an extra is installed: there is no package to be had elsewhere."""
    return f"pip install '.[{extra}]' in worksafe's folder"
