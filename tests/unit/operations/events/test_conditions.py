"""What is told of what begins and ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.events.conditions import EVENTS_OF, Condition, Kind, condition_changes, quota

ACCOUNT, TARGET = Condition(Kind.ACCOUNT, "acme/info", "No password."), Condition(Kind.TARGET, "exchange")
ALL = frozenset(Kind)
CONDITIONS = st.sets(
    st.builds(Condition, st.sampled_from(Kind), st.sampled_from(["acme/a", "acme/b", "other/a", "x"])),
    max_size=8,
)


def changes(noted: dict[str, float], *found: Condition, **options: object) -> list[tuple[str, str | None]]:
    made = condition_changes(noted, found, 50.0, **{"looked_at": ALL, **options})  # type: ignore[arg-type] # as given
    return [(each.name, each.event.event if each.event else None) for each in made]


def test_what_begins_and_what_ends_is_told() -> None:
    assert changes({}, ACCOUNT) == [("account acme/info", "account.failing")]
    assert changes({ACCOUNT.name: 1.0}, ACCOUNT) == []
    assert changes({ACCOUNT.name: 1.0}) == [("account acme/info", "account.recovered")]
    assert changes({TARGET.name: 1.0}) == [("target exchange", "target.up")]


def test_parked_mail_that_gets_less_is_not_told() -> None:
    assert changes({"parked acme/info": 1.0}) == [("parked acme/info", None)]


def test_a_paused_account_begins_nothing_and_a_removed_one_does_not_recover() -> None:
    assert changes({}, Condition(Kind.ACCOUNT, "acme/info", begins=False)) == []
    assert changes({ACCOUNT.name: 1.0}, gone={ACCOUNT.name}) == [(ACCOUNT.name, None)]


def test_kinds_that_were_not_looked_at_stay() -> None:
    assert changes({"quota acme/daily_mails/80": 1.0}, looked_at={Kind.ACCOUNT}) == []


def test_an_event_belongs_to_the_tenant_and_the_account_of_its_subject() -> None:
    found = [
        ACCOUNT,
        TARGET,
        Condition(Kind.TARGET, "acme/own"),
        *quota("acme", "daily_mails", 80, 100),
        Condition(Kind.APP, "google"),
    ]
    told = [each.event for each in condition_changes({}, found, 1.0, looked_at=ALL)]
    assert [(each.tenant, each.account) for each in told if each] == [
        ("acme", "acme/info"),
        (None, None),
        ("acme", None),
        ("acme", None),
        (None, None),
    ]


def test_a_limit_is_warned_of_at_80_and_at_95_per_cent() -> None:
    reached = {used: len([*quota("acme", "max_accounts", used, 100)]) for used in (79, 80, 94, 95, 130)}
    assert reached == {79: 0, 80: 1, 94: 1, 95: 2, 130: 2}


@given(CONDITIONS, CONDITIONS)
def test_after_the_changes_the_noted_conditions_are_those_that_were_found(
    before: set[Condition], after: set[Condition]
) -> None:
    noted = {each.name: 1.0 for each in before}
    for change in [*condition_changes(noted, after, 2.0, looked_at=ALL)]:
        assert noted.get(change.name) == change.known
        if change.since is None:
            del noted[change.name]
        else:
            noted[change.name] = change.since
    assert noted.keys() == {each.name for each in after}
    assert [*condition_changes(noted, after, 3.0, looked_at=ALL)] == []


def test_every_kind_has_its_event() -> None:
    assert EVENTS_OF.keys() == {*Kind}
