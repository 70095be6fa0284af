"""Words for people: what a schema says of a wrong value, and what to install."""

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
}
_BEGINNINGS = {"Value error, ": "", "Input should be": "must be", "String should": "must"}
_LONGEST_SHOWN = 40


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
    """Quote a wrong value, unless it is long or has parts: ``, not 'x'``, or nothing."""
    quoted = repr(value)
    is_short = isinstance(value, str | int | float) and len(quoted) <= _LONGEST_SHOWN
    return f", not {quoted}" if is_short else ""


def how_to_install(extra: str) -> str:
    """Say how an extra is installed: there is no package to be had elsewhere."""
    return f"pip install '.[{extra}]' in worksafe's folder"
