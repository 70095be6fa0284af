"""What requests may say: these classes check it, and document it."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from worksafe.choices import Method, Thorough
from worksafe.models.registry import known_label

FIELD = "images"  # of a form and of JSON
MAX_ID = 1024

Include = Literal["regions", "frames", "heatmap"]
LabelName = Annotated[str, AfterValidator(known_label)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, members: object) -> object:
        """Take a known member that is null for one that is not given: many clients write both."""
        if not isinstance(members, dict):
            return members
        return {
            name: value
            for name, value in members.items()
            if value is not None or name not in cls.model_fields
        }


class ImageEntry(_Request):
    """One image of a JSON request: exactly one of `url`, `base64` and `data_url`."""

    id: Annotated[str | None, Field(description="Your own name for it.", max_length=MAX_ID)] = None
    url: Annotated[str | None, Field(description="Fetched where the operator allows it.")] = None
    base64: Annotated[str | None, Field(description="The file's bytes.")] = None
    data_url: Annotated[str | None, Field(description="data:image/...;base64,...")] = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.url, self.base64, self.data_url)) != 1:
            msg = "give exactly one of url, base64 and data_url"
            raise ValueError(msg)
        return self


class Options(_Request):
    """Options of any look at pictures; as JSON members, form fields or query parameters."""

    policy: Annotated[
        str | None,
        Field(description="Name of the policy that decides; the server's own where none is given."),
    ] = None
    thorough: Annotated[
        Thorough | None,
        Field(
            description="When to look for nudity a second time, at twice the size; with `always` "
            "no glance settles violence and drugs either. As the server is set where not given."
        ),
    ] = None


class CheckOptions(Options):
    """Options of a check."""

    include: Annotated[
        list[Include], Field(description="Extras. Regions always come: reasons point to them.")
    ] = []


# A grey square, 8 px: what the API's page offers to try is answered.
_GREY_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAEElEQVR4nGNsYIAAJgaKGAAmCACQXTClHgAAAABJRU5E"
    "rkJggg=="
)
_EXAMPLE: JsonDict = {"images": [{"id": "mine", "base64": _GREY_PNG}]}


class CheckBody(CheckOptions):
    """A JSON request."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    images: Annotated[list[ImageEntry], Field(min_length=1)]


class RedactOptions(Options):
    """Options of a redaction."""

    labels: Annotated[
        list[LabelName],
        Field(description="Cover these wherever they are seen, whatever the policy says of them."),
    ] = []
    method: Annotated[
        Method, Field(description="What to cover areas with; blur where not given.")
    ] = "blur"


class RedactBody(RedactOptions):
    """A JSON request for a redaction."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    images: Annotated[list[ImageEntry], Field(min_length=1, max_length=1)]
