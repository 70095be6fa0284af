"""What the command line's arguments name: images, wherever they are, and policies."""

import sys
from pathlib import Path
from typing import BinaryIO

from worksafe.errors import InputError
from worksafe.images.limits import ImageLimits
from worksafe.images.source import read_source
from worksafe.policy.document import Policy
from worksafe.policy.reading import SUFFIXES, choose_policy, read_policies, read_policy
from worksafe.settings import Settings

STANDARD = "-"

Readable = str | bytes | InputError


def read_argument(image: str, limits: ImageLimits) -> Readable:
    """Read the standard input where an argument says so; anything else stays what it is.

    Parameters
    ----------
    image : str
        A path or URL; ``-`` is the standard input.
    limits : ImageLimits
        Nothing beyond them is read.

    Returns
    -------
    str, bytes or InputError
        The argument, the input's bytes, or why these cannot be taken.
    """
    return _read(sys.stdin.buffer, limits) if image == STANDARD else image


def keep_pipe(source: Readable, limits: ImageLimits) -> Readable:
    """Read a pipe, which cannot be read a second time; anything else stays what it is.

    Parameters
    ----------
    source : str, bytes or InputError
        A path or URL, or a whole file.
    limits : ImageLimits
        Nothing beyond them is read.

    Returns
    -------
    str, bytes or InputError
        The pipe's bytes, or why it cannot be read.
    """
    if not isinstance(source, str) or not _is_pipe(source):
        return source
    return _read(source, limits)


def read_named(policy: str | None) -> str | Policy | None:
    """Read a policy that is named by its file; any other name stays what it is.

    Parameters
    ----------
    policy : str or None
        What ends in .yaml or .yml is a file.

    Returns
    -------
    str, Policy or None

    Raises
    ------
    PolicyError
        If the file is malformed.
    """
    return read_policy(Path(policy)) if policy and policy.endswith(SUFFIXES) else policy


def find_policy(name: str) -> Policy:
    """Find a policy by its name, or read it from a file.

    Parameters
    ----------
    name : str
        As `read_named` takes it.

    Returns
    -------
    Policy

    Raises
    ------
    PolicyError, UnknownPolicyError
        If the file is malformed, or there is no such policy.
    SettingsError
        If the settings, which name the folder of others, are wrong.
    """
    found = read_named(name)
    if isinstance(found, Policy):
        return found
    return choose_policy(read_policies(Settings.load().policy_dir), name)


def _is_pipe(path: str) -> bool:
    try:
        return Path(path).is_fifo()
    except OSError:  # too long to be a path: whoever reads it says so
        return False


def _read(source: str | BinaryIO, limits: ImageLimits) -> bytes | InputError:
    try:
        data = read_source(source, limits)
    except InputError as error:
        return error
    assert isinstance(data, bytes)  # noqa: S101 - paths and files give bytes
    return data
