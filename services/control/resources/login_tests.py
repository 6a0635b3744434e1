"""Login tests: of saved accounts, of changes, and of accounts that are still to be added."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field, model_validator

from services.control.callers import Needs, TheCaller, TheControl
from services.control.resources.login_shapes import LoginTestRun, login_test_run
from services.control.resources.registry import ADDING, READING, permitted
from services.control.resources.shapes import (
    NAME_PATTERN,
    SETTINGS_SCHEMAS,
    Id,
    Shape,
)
from services.control.routes import ApiRoute
from shared.access import Permission
from shared.operations.login_tests import MOST_MAILS, LoginTests

api = APIRouter(route_class=ApiRoute)


class WantedTest(Shape):
    """What is to be tried: a saved `account` (TENANT/NAME), perhaps with other `settings`; or the `settings`
    of one that is still to be added to a `tenant`. `mails`: of so many it is told who would get them.
    """

    account: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}/[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"),
    ] = None
    tenant: Annotated[str | None, Field(pattern=NAME_PATTERN)] = None
    settings: Annotated[dict[str, Any] | None, Field(json_schema_extra=SETTINGS_SCHEMAS["account"])] = None
    mails: Annotated[int, Field(ge=0, le=MOST_MAILS)] = 0

    @model_validator(mode="after")
    def _names_one(self) -> WantedTest:
        if (self.account is None) == (self.tenant is None):
            raise ValueError("name either an account, or the tenant of a new one")
        if self.tenant is not None and self.settings is None:
            raise ValueError("the settings of the new account are missing")
        return self


def login_tests(control: TheControl, caller: TheCaller) -> LoginTests:
    """Return the login tests of the caller."""
    return LoginTests(permitted(control, caller), control.logins)


Tests = Annotated[LoginTests, Depends(login_tests)]


@api.post(
    "/login-tests",
    dependencies=[Depends(Needs(Permission.LOGIN_TEST))],
    responses=ADDING,
    status_code=202,
    tags=["login tests"],
)
async def begin_login_test(wanted: WantedTest, tests: Tests, response: Response) -> LoginTestRun:
    """Begin to log in to a source; ask at `Location` what came of it. Nothing is fetched or saved."""
    if wanted.account is None:
        assert wanted.tenant is not None
        run = await tests.begin_new(wanted.tenant, wanted.settings or {}, wanted.mails)
    elif wanted.settings is None:
        run = await tests.begin(wanted.account, wanted.mails)
    else:
        run = await tests.begin_changed(wanted.account, wanted.settings, wanted.mails)
    response.headers["Location"] = f"/api/v1/login-tests/{run.id}"
    return login_test_run(run)


@api.get(
    "/login-tests/{test}",
    dependencies=[Depends(Needs(Permission.LOGIN_TEST))],
    responses=READING,
    tags=["login tests"],
)
async def show_login_test(test: Id, tests: Tests) -> LoginTestRun:
    """Show how a login test is doing, and what came of it."""
    return login_test_run(await tests.show(test))
