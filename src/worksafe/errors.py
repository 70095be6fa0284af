"""Every exception of worksafe. Nothing here knows of HTTP.

::

    WorksafeError
    ├── InputError                 one image cannot be checked; the others of its set can
    │   ├── EmptyImageError            no bytes
    │   ├── ImageBytesError            more bytes than the ceiling
    │   ├── ImagePixelsError           more pixels than the ceiling
    │   ├── ImageSideError             a side longer than the ceiling
    │   ├── ImageFramesError           an animation too long to look through
    │   ├── NotAnImageError            the bytes are of no format that is accepted
    │   ├── UndecodableImageError      an accepted format, but damaged, cut off or of a rare kind
    │   ├── InvalidBase64Error         the base64 or data URL does not decode
    │   ├── UnreadableSourceError      the path or file object cannot be read
    │   ├── DecodeTimeError            decoding took too long
    │   ├── DecoderCrashedError        the decoder's process died
    │   ├── VideoNotSupportedError     videos need the extra `video`
    │   ├── UrlsOffError               fetching from URLs is switched off
    │   ├── UrlRefusedError            the URL, or where it leads, is not allowed
    │   ├── UrlFailedError             the URL could not be fetched
    │   ├── NotRedactableError         an animation or a video, where a still picture is wanted
    │   ├── RedactionFailedError       the policy does not even allow the covered picture
    │   ├── DeadlineExceededError      there was no time left to check it
    │   └── InternalError              a fault of worksafe's own; the log has the details
    ├── OverloadedError            the whole request is refused: too much is waiting already
    ├── ClosedError                the moderator was closed
    ├── SettingsError              a setting is wrong or unknown
    ├── PolicyError                a policy document is malformed
    ├── UnknownPolicyError         no policy of that name
    ├── StoredResultsError         a file of past results is something else
    ├── WeightsError               a detector's weights are missing or not the expected ones
    ├── DatasetError               a data set's manifest is malformed
    └── TrainingError              a training run cannot go on
"""


class WorksafeError(Exception):
    """Anything that worksafe raises on purpose; `code` is stable and meant for programs."""

    code: str = "error"


class InputError(WorksafeError):
    """One image cannot be checked; the others of its set are not concerned."""

    code = "input_error"


class EmptyImageError(InputError):
    """The image has no bytes, or no pixels."""

    code = "empty_image"


class ImageBytesError(InputError):
    """The image has more bytes than the ceiling."""

    code = "too_many_bytes"


class ImagePixelsError(InputError):
    """The image has more pixels than the ceiling."""

    code = "too_many_pixels"


class ImageSideError(InputError):
    """A side of the image is longer than the ceiling."""

    code = "side_too_long"


class ImageFramesError(InputError):
    """The frames of the animation together have more pixels than the ceiling."""

    code = "too_many_frames"


class NotAnImageError(InputError):
    """The bytes are of no image format that is accepted."""

    code = "not_an_image"


class UndecodableImageError(InputError):
    """The bytes begin like an accepted format, but are damaged, cut off or of a rare kind."""

    code = "undecodable_image"


class InvalidBase64Error(InputError):
    """The base64 text or data URL does not decode."""

    code = "invalid_base64"


class UnreadableSourceError(InputError):
    """The path or file object cannot be read."""

    code = "unreadable_source"


class DecodeTimeError(InputError):
    """Decoding the image took longer than is allowed for one."""

    code = "decode_timeout"


class DecoderCrashedError(InputError):
    """The process that decoded the image died, or ran out of the memory that it is allowed."""

    code = "decoder_crashed"


class VideoNotSupportedError(InputError):
    """The bytes are a video, and PyAV, which decodes them, is not installed."""

    code = "video_not_supported"


class UrlsOffError(InputError):
    """The image is given by a URL, and fetching from URLs is switched off."""

    code = "urls_off"


class UrlRefusedError(InputError):
    """The URL's scheme, host, port or address is not one that images are fetched from."""

    code = "url_refused"


class UrlFailedError(InputError):
    """The URL could not be fetched: no answer, a status other than 200, or too slow."""

    code = "url_failed"


class NotRedactableError(InputError):
    """Only still pictures are redacted; this is an animation or a video."""

    code = "not_redactable"


class RedactionFailedError(InputError):
    """The policy does not allow the picture even when all of it is covered."""

    code = "redaction_failed"


class DeadlineExceededError(InputError):
    """The time allowed for the request ran out before this image was checked."""

    code = "deadline_exceeded"


class InternalError(InputError):
    """Checking this image failed for a reason that is no fault of the image; see the log."""

    code = "internal_error"


class OverloadedError(WorksafeError):
    """As many requests run and wait as are allowed; this one was refused as a whole."""

    code = "overloaded"


class ClosedError(WorksafeError):
    """The moderator was closed and takes no more images."""

    code = "closed"


class SettingsError(WorksafeError):
    """A setting, from the environment or the file, is wrong or unknown."""

    code = "invalid_settings"


class PolicyError(WorksafeError):
    """A policy document is malformed."""

    code = "invalid_policy"


class UnknownPolicyError(WorksafeError):
    """There is no policy of that name."""

    code = "unknown_policy"


class StoredResultsError(WorksafeError):
    """A file of past results cannot be read, or holds something else."""

    code = "invalid_results"


class WeightsError(WorksafeError):
    """A detector's weights are missing, or are not the ones its spec names."""

    code = "weights_unavailable"


class DatasetError(WorksafeError):
    """A data set's manifest is absent or malformed."""

    code = "invalid_dataset"


class TrainingError(WorksafeError):
    """A training run cannot begin or go on."""

    code = "training_failed"


def input_error(code: str, message: str) -> InputError:
    """Make the error of a code, as another process reported it.

    Parameters
    ----------
    code : str
        Of a subclass of `InputError`; any other becomes the base class.
    message : str
        For people.

    Returns
    -------
    InputError
    """
    kinds = {kind.code: kind for kind in InputError.__subclasses__()}
    return kinds.get(code, InputError)(message)
