"""worksafe: how suitable are images for work? Nudity, violence and drugs, offline, on a CPU."""

from importlib.metadata import version as _version

from worksafe.engine.scoring import Look
from worksafe.errors import InputError, WorksafeError
from worksafe.items import Item
from worksafe.moderator import Moderator
from worksafe.redaction.redactor import Redacted, Redaction
from worksafe.results import Action, Check, Moderation, Reason, Region, Scores
from worksafe.settings import Settings

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

__version__ = _version("worksafe")
