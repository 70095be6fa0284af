"""worksafe: how suitable are images for work? Nudity, violence and drugs, offline, on a CPU."""

from importlib.metadata import version as _version

from worksafe.errors import InputError, WorksafeError
from worksafe.moderator import Item, Moderator
from worksafe.results import Action, Check, Moderation, Reason, Region, Scores
from worksafe.settings import Settings

__all__ = [
    "Action",
    "Check",
    "InputError",
    "Item",
    "Moderation",
    "Moderator",
    "Reason",
    "Region",
    "Scores",
    "Settings",
    "WorksafeError",
]

__version__ = _version("worksafe")
