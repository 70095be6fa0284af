"""Requests made up from our own description, valid and invalid: schemathesis."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.openapi import from_wsgi
from schemathesis.specs.openapi.checks import positive_data_acceptance

from worksafe import Moderator
from worksafe.api.app import create_app


def test_every_answer_is_one_that_the_description_promises(moderator: Moderator) -> None:
    described = from_wsgi("/openapi.json", create_app(moderator))
    operations = [found.ok() for found in described.get_all_operations() if isinstance(found, Ok)]

    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def answer(case: Case[Any]) -> None:
            # Which policies there are is no part of the description.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        answer()

    assert {operation.path for operation in operations} >= {"/v1/check", "/preds", "/readyz"}
