"""What a failure in a decoder says: of the file, of the memory, or of the code."""

import logging

from worksafe.errors import DecoderCrashedError, InputError, UndecodableImageError

_FAULTS = (AttributeError, NameError, ImportError)  # more likely the code's than the file's

_log = logging.getLogger(__name__)


def damaged(message: str, error: Exception) -> InputError:
    """Make the error of a file that a decoder failed at.

    Parameters
    ----------
    message : str
        For people, where the file is to blame.
    error : Exception
        What the decoder raised.

    Returns
    -------
    InputError
        UndecodableImageError; DecoderCrashedError where memory ran out.
    """
    if isinstance(error, MemoryError):
        return DecoderCrashedError("the decoder ran out of the memory that it is allowed")
    if isinstance(error, _FAULTS):
        _log.warning("%s: the decoder failed by %s", message, type(error).__name__)
    return UndecodableImageError(message)
