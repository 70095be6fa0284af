"""worksafe: how suitable are images for work? Nudity, violence and drugs, offline, on a CPU.

A name is imported when it is first asked for: a process that only decodes loads no networks.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worksafe.engine.detector import Look
    from worksafe.errors import InputError, WorksafeError
    from worksafe.items import Item
    from worksafe.moderator import Moderator
    from worksafe.redaction.redactor import Redacted, Redaction
    from worksafe.results import Action, Check, Moderation, Reason, Region, Scores
    from worksafe.settings import Settings

    __version__: str

__all__ = [
    "Action",
    "Check",
    "InputError",
    "Item",
    "Look",
    "Moderation",
    "Moderator",
    "Reason",
    "Redacted",
    "Redaction",
    "Region",
    "Scores",
    "Settings",
    "WorksafeError",
]

_HOMES = {
    "Action": "results",
    "Check": "results",
    "InputError": "errors",
    "Item": "items",
    "Look": "engine.detector",
    "Moderation": "results",
    "Moderator": "moderator",
    "Reason": "results",
    "Redacted": "redaction.redactor",
    "Redaction": "redaction.redactor",
    "Region": "results",
    "Scores": "results",
    "Settings": "settings",
    "WorksafeError": "errors",
}

if not TYPE_CHECKING:  # a type checker would take every name for one that is there

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - 50 ms

            return version(__name__)
        if name not in _HOMES:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *__all__, "__version__"])
