"""All settings: arguments > environment (``WORKSAFE_...``) > file > defaults."""

import errno
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from worksafe.choices import DeviceChoice, RuntimeChoice, Thorough
from worksafe.engine.cores import count_cores
from worksafe.errors import SettingsError
from worksafe.images.limits import ImageLimits
from worksafe.policy.document import DEFAULT
from worksafe.wording import not_that, plain

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_DEFAULT_LIMITS = ImageLimits()
_PREFIX = "WORKSAFE_"
_FILE_VARIABLE = f"{_PREFIX}CONFIG"
_OTHER_VARIABLES = {f"{_PREFIX}DATA"}  # of commands
_REDIS = ("redis://", "rediss://")
_NO_HOST = re.compile(r"[\s/]")
_LONGEST_NAMED = 80
_HOST = re.compile(r"[\w.:-]+", re.ASCII)

Positive = Annotated[int, Field(ge=1)]
_DAY_S = 86_400  # longer waits overflow somewhere or other
Seconds = Annotated[float, Field(gt=0, le=_DAY_S, allow_inf_nan=False)]
SecondsMore = Annotated[float, Field(ge=0, le=_DAY_S, allow_inf_nan=False)]


def _from_json(value: object) -> object:
    """Read a list from a variable; left to the library, its error would not name the setting."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        msg = 'must be a JSON list, such as ["images.example.com"]'
        raise ValueError(msg) from error


def _as_in_urls(host: str) -> str:
    """Refuse what no URL's host ever is: it would look like a rule, and do nothing."""
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
        is_host = bool(_HOST.fullmatch(host))
    except ValueError:
        is_host = False
    if not is_host:
        named = repr(host) if "@" not in host and len(host) <= _LONGEST_NAMED else "one of them"
        msg = (
            f"{named} is not a host: give whole names or single addresses, without scheme, port, "
            "path, brackets or wildcards; names in other letters in their xn-- form"
        )
        raise ValueError(msg)
    return host


def _to_listen_on(host: str) -> str:
    if not host or _NO_HOST.search(host):
        msg = "must be a name or an address, without scheme, path and spaces"
        raise ValueError(msg)
    return host.removeprefix("[").removesuffix("]")  # an IPv6 address as in a URL


def _of_redis(url: str) -> str:
    if not url.startswith(_REDIS):
        msg = f"must begin with {' or '.join(_REDIS)}"
        raise ValueError(msg)
    return url


Host = Annotated[str, AfterValidator(_as_in_urls)]


class Settings(BaseSettings):
    """How worksafe runs. ``WORKSAFE_CONFIG`` names a TOML file with any of these.

    Attributes
    ----------
    host, port : str, int
        Where the server listens.
    threads : int or None
        Requests that the server reads and answers at once; None for sixteen more than may be
        inside, so that refusing one never waits behind the others.
    runtime : {"auto", "onnxruntime", "openvino"}
        What runs the networks.
    device : {"auto", "cpu", "cuda"}
        Where they run.
    running : int or None
        Images scored at once; None for two for each core.
    waiting : int
        Requests that may be inside beyond those; any more are refused with 503.
    deadline_s : float
        Time allowed for a request with one image, in seconds.
    deadline_per_image_s : float
        Time allowed for each further image of a request, in seconds.
    deadline_per_video_s : float
        Time allowed besides for each video that a request brings, in seconds.
    redact_deadline_s : float
        Time allowed for a request that redacts, in seconds: it writes and checks the picture anew,
        up to five times.
    graceful_s : float
        Seconds that requests have to be answered in when the server is told to stop.
    policy : str
        Name of the policy that applies where a request names none.
    policy_dir : Path or None
        Folder of an operator's own policies.
    shadow_policy : str or None
        Name of a policy that decides beside the active one: counted, logged, never acted on.
    thorough : {"never", "uncertain", "always"}
        When nudity is looked for a second time, at twice the size: it finds small figures, and
        takes about five times as long. With ``always`` violence and drugs are looked for in full,
        too, whatever a glance says. A request may say otherwise.
    max_request_bytes, max_images : int
        Size of a request's body, and images in it.
    max_image_bytes, max_image_pixels, max_image_side_px : int
        Of one image.
    max_frames : int
        Frames of an animation that are scored.
    max_animation_pixels : int
        Of all frames of an animation together.
    max_video_bytes : int
        Of a video that comes in a request.
    video_frames : int
        Frames of a video that are scored before their spacing grows from one second to two.
    decode_s : float
        Seconds for decoding one picture in a process of its own, and between frames of a video.
    decoder_bytes : int
        Memory that decoding one file may take there.
    cache_entries : int
        Results kept in memory by the hash of the image; 0 keeps none, in Redis neither.
    cache_url : str or None
        Redis that keeps them in place of memory, for several servers.
    fetch_urls : bool
        Whether requests may name URLs that images are fetched from.
    fetch_hosts : list of str
        Hosts whose URLs may lead to private addresses, and to ports other than 80 and 443.
    fetch_s : float
        Seconds for fetching one URL, redirects included.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    host: Annotated[str, AfterValidator(_to_listen_on)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    threads: Positive | None = None
    runtime: RuntimeChoice = "auto"
    device: DeviceChoice = "auto"
    running: Positive | None = None
    waiting: Annotated[int, Field(ge=0)] = 24
    deadline_s: Seconds = 10.0
    deadline_per_image_s: SecondsMore = 1.0
    deadline_per_video_s: SecondsMore = 50.0
    redact_deadline_s: Seconds = 30.0
    graceful_s: Seconds = 60.0
    policy: str = DEFAULT
    policy_dir: Path | None = None
    shadow_policy: str | None = None
    thorough: Thorough = "never"
    max_request_bytes: Positive = 256 * 1024**2
    max_images: Positive = 1000
    max_image_bytes: Positive = _DEFAULT_LIMITS.max_bytes
    max_image_pixels: Positive = _DEFAULT_LIMITS.max_pixels
    max_image_side_px: Positive = _DEFAULT_LIMITS.max_side_px
    max_frames: Positive = _DEFAULT_LIMITS.max_frames
    max_animation_pixels: Positive = _DEFAULT_LIMITS.max_animation_pixels
    max_video_bytes: Positive = _DEFAULT_LIMITS.max_video_bytes
    video_frames: Positive = _DEFAULT_LIMITS.video_frames
    decode_s: Seconds = _DEFAULT_LIMITS.decode_s
    decoder_bytes: Annotated[int, Field(ge=1, lt=2**63)] = _DEFAULT_LIMITS.decoder_bytes
    cache_entries: Annotated[int, Field(ge=0)] = 4096
    cache_url: Annotated[str, AfterValidator(_of_redis)] | None = None
    fetch_urls: bool = False
    fetch_hosts: Annotated[frozenset[Host], NoDecode, BeforeValidator(_from_json)] = frozenset()
    fetch_s: Seconds = 8.0

    @classmethod
    def load(cls, **given: Any) -> Self:  # noqa: ANN401 - any setting
        """Read the settings, for a front door that has to say what is wrong with them.

        Parameters
        ----------
        **given
            Arguments, which come first.

        Returns
        -------
        Settings

        Raises
        ------
        SettingsError
            If one is wrong or unknown; the message names it.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            mistakes = [_mistake(one, given) for one in error.errors(include_url=False)]
            raise SettingsError("\n".join(mistakes)) from error
        except (OSError, ValueError) as error:  # the file is absent, or no TOML
            file = _file_name()
            reason = getattr(error, "strerror", None) or str(error)
            msg = f"{file}, which {_FILE_VARIABLE} names, cannot be read: {reason}"
            raise SettingsError(msg) from error

    @classmethod
    def unknown_variables(cls) -> list[str]:
        """Name the environment's variables that look like settings and are none."""
        known = {f"{_PREFIX}{name}".upper() for name in cls.model_fields}
        known |= {_FILE_VARIABLE, *_OTHER_VARIABLES}
        said = [name for name in os.environ if name.upper().startswith(_PREFIX)]
        return sorted(name for name in said if name.upper() not in known)

    @property
    def needed_policies(self) -> tuple[str, ...]:
        """Names of the policies without which nothing can be decided as it was asked for."""
        return (self.policy, *([self.shadow_policy] if self.shadow_policy else []))

    @property
    def address(self) -> str:
        """Where to listen, as in a URL: an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def running_places(self) -> int:
        """How many images are scored at once: `running`, or two for each core."""
        return self.running or 2 * count_cores()

    @property
    def limits(self) -> ImageLimits:
        """The ceilings on one image."""
        return ImageLimits(
            max_bytes=self.max_image_bytes,
            max_pixels=self.max_image_pixels,
            max_side_px=self.max_image_side_px,
            max_frames=self.max_frames,
            max_animation_pixels=self.max_animation_pixels,
            max_video_bytes=self.max_video_bytes,
            video_frames=self.video_frames,
            decode_s=self.decode_s,
            decoder_bytes=self.decoder_bytes,
        )

    def deadline_for(self, images: int, videos: int = 0) -> float:
        """Return the seconds allowed for a request; a day at most.

        Parameters
        ----------
        images : int
            How many it has, videos included.
        videos : int, optional
            How many of them are videos.
        """
        more_s = self.deadline_per_image_s * max(0, images - 1) + self.deadline_per_video_s * videos
        return min(_DAY_S, self.deadline_s + more_s)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the sources in order: arguments, environment, file."""
        file = _file_name()
        if file and not Path(file).is_file():  # the library would read nothing and say nothing
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file)
        sources = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls, file)) if file else sources


def _mistake(error: "ErrorDetails", given: Mapping[str, object]) -> str:
    """Say which setting is wrong, and where it was said."""
    name = ".".join(str(part) for part in error["loc"])
    setting = str(error["loc"][0])
    variable = f"{_PREFIX}{setting}".upper()
    said = {name.upper() for name, value in os.environ.items() if value}
    where = variable if setting in given or variable in said else _file_name() or variable
    if error["type"] == "extra_forbidden":
        return f"there is no setting {name}" + (f" ({where})" if where != variable else "")
    what = plain(error)
    quoted = not_that(error["input"])
    is_said = quoted.removeprefix(", not ") in what
    return f"the setting {name} ({where}): {what}{'' if is_said else quoted}"


def _file_name() -> str | None:
    return os.environ.get(_FILE_VARIABLE)
