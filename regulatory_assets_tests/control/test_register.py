"""Reading and extending the register."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError, StatementError

from regulatory_assets.control.register import LostRace, Register, Revision

from .examples import DAY, NOON, delivery, only_sqlite, reads, revision

TICK = timedelta(microseconds=1)
NEXT_DAY = date(2026, 1, 6)


@pytest.fixture
def register(control_engine: Engine) -> Register:
    return Register(control_engine)


@pytest.fixture
def at(control_engine: Engine) -> Callable[[datetime], Register]:
    """A register whose clock stands at a moment."""
    return lambda moment: Register(control_engine, clock=lambda: moment)


@pytest.fixture
def statements(control_engine: Engine) -> Iterator[list[str]]:
    """What is sent to the database, as it is sent."""
    sent: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(control_engine, "before_cursor_execute", note)
    yield sent
    event.remove(control_engine, "before_cursor_execute", note)


def numbers(revisions: tuple[Revision, ...]) -> list[int]:
    return [r.revision for r in revisions]


# -- reading ------------------------------------------------------------------------------------


def test_what_is_committed_is_read_back_field_by_field(register: Register) -> None:
    register.commit([revision("rates"), revision("deals")])
    given = revision(
        "flows",
        booked=2**62,
        reversed=2**61,
        rules="x" * 64,
        inputs=(reads("rates", 1), reads("deals", 1)),
    )

    (registered,) = register.commit([given])

    in_order = (reads("deals", 1), reads("rates", 1))
    assert registered == replace(given, known_at=registered.known_at, inputs=in_order)
    assert register.latest("flows", DAY) == registered
    assert register.history("flows", DAY) == (registered,)
    assert registered.rows == 2**62 + 2**61


def test_nothing_registered_reads_as_nothing(register: Register) -> None:
    assert register.latest("flows", DAY) is None
    assert register.history("flows", DAY) == ()
    assert register.histories([("flows", DAY)]) == {("flows", DAY): ()}
    assert register.revision_at("flows", DAY, NOON) == 0
    assert register.days("flows") == ()
    assert register.postings("flows") == frozenset()
    assert register.deliveries("flows", DAY) == ()
    assert register.delivered("5a5a", "flows", DAY) is None
    assert register.commit([]) == ()


def test_history_is_ascending_and_ends_where_asked(register: Register) -> None:
    for number in range(1, 12):
        register.commit([revision(number=number)])
    assert numbers(register.history("flows", DAY)) == list(range(1, 12))
    assert numbers(register.history("flows", DAY, upto=10)) == list(range(1, 11))
    assert register.history("flows", DAY, upto=0) == ()
    latest = register.latest("flows", DAY)
    assert latest is not None
    assert latest.revision == 11


def test_many_histories_are_one_query(register: Register, statements: list[str]) -> None:
    for table in ("deals", "rates", "flows"):
        inputs = () if table != "flows" else (reads("deals", 1), reads("rates", 2))
        for number in (1, 2):
            register.commit([revision(table, number, inputs=inputs if number == 2 else ())])
        register.commit([revision(table, 1, day=NEXT_DAY, posting=None, booked=0, reversed=0)])
    wanted = [("flows", DAY), ("deals", DAY), ("deals", NEXT_DAY), ("lines", DAY)]
    statements.clear()

    found = register.histories(iter(wanted))

    assert len([s for s in statements if s.lstrip().startswith("SELECT")]) == 1
    assert list(found) == wanted
    for table, day in wanted:
        assert found[table, day] == register.history(table, day)
    assert found["flows", DAY][1].inputs == (reads("deals", 1), reads("rates", 2))
    assert found["lines", DAY] == ()


@only_sqlite
def test_more_histories_than_one_statement_takes(register: Register) -> None:
    register.commit([revision()])
    wanted = [("flows", DAY + timedelta(days=n)) for n in range(20_000)]
    found = register.histories(wanted)
    assert len(found) == 20_000
    assert [place for place, revisions in found.items() if revisions] == [("flows", DAY)]


def test_days_and_postings_are_those_of_one_table(register: Register) -> None:
    register.commit([revision("flows", 1, day=NEXT_DAY, posting="p1"), revision("deals")])
    register.commit([revision("flows", 1, posting="p2")])
    register.commit([revision("flows", 2, posting=None, booked=0, reversed=0)])
    register.commit([revision("flows", 3, posting="p3", kind="snapshot")])
    assert register.days("flows") == (DAY, NEXT_DAY)
    assert register.postings("flows") == {"p1", "p2", "p3"}


# -- moments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("microsecond", [0, 1, 10, 123456, 500000, 999999])
def test_moments_keep_their_microseconds(
    at: Callable[[datetime], Register], microsecond: int
) -> None:
    moment = NOON.replace(microsecond=microsecond)
    at(moment).commit([revision("deals")], delivery(arrived_at=moment))
    register = at(NOON)
    latest = register.latest("deals", DAY)
    assert latest is not None
    assert latest.known_at == moment
    assert latest.known_at.tzinfo is UTC
    assert register.deliveries("deals", DAY)[0].arrived_at == moment


def test_the_database_itself_sees_the_order_of_moments(
    control_engine: Engine, at: Callable[[datetime], Register]
) -> None:
    turn_of_second = NOON.replace(microsecond=999_999)
    moments = [NOON, NOON + TICK, turn_of_second, turn_of_second + TICK, NOON.replace(hour=13)]
    moments += [datetime(2031, 1, 1, tzinfo=UTC), datetime(2031, 10, 9, tzinfo=UTC)]
    for number, moment in enumerate(moments, start=1):
        at(moment).commit([revision(number=number)])
    with control_engine.connect() as connection:
        found = connection.execute(
            text("SELECT revision FROM register ORDER BY known_at")
        ).scalars()
        assert list(found) == list(range(1, len(moments) + 1))


def test_a_moment_in_another_time_zone_is_the_same_moment(
    at: Callable[[datetime], Register],
) -> None:
    summer = timezone(timedelta(hours=2))
    (registered,) = at(NOON.astimezone(summer)).commit([revision()])
    assert registered.known_at == NOON
    assert registered.known_at.tzinfo is UTC
    assert at(NOON).revision_at("flows", DAY, NOON.astimezone(summer)) == 1


def test_a_moment_without_time_zone_is_refused(register: Register) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        register.revision_at("flows", DAY, NOON.replace(tzinfo=None))


def test_known_at_is_set_by_the_commit(register: Register) -> None:
    before = datetime.now(UTC)
    (registered,) = register.commit([revision(known_at=NOON)])
    assert before <= registered.known_at <= datetime.now(UTC)


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(hours=3)])
def test_known_at_is_strictly_after_the_revision_before(
    at: Callable[[datetime], Register], behind: timedelta
) -> None:
    at(NOON).commit([revision()])
    at(NOON - behind).commit([revision(number=2)])
    at(NOON - behind).commit([revision(number=3)])
    at(NOON - behind).commit([revision("deals")])
    register = at(NOON)
    moments = [r.known_at for r in register.history("flows", DAY)]
    assert moments == [NOON, NOON + TICK, NOON + 2 * TICK]
    assert register.history("deals", DAY)[0].known_at == NOON - behind


def test_known_at_is_not_before_an_input(at: Callable[[datetime], Register]) -> None:
    at(NOON).commit([revision("deals")])
    (flows,) = at(NOON - timedelta(hours=1)).commit([revision(inputs=(reads("deals", 1),))])
    assert flows.known_at == NOON


def test_what_is_committed_at_once_is_known_at_once(at: Callable[[datetime], Register]) -> None:
    at(NOON).commit([revision("deals")])
    deals, rates = at(NOON).commit([revision("deals", 2), revision("rates")])
    assert deals.known_at == rates.known_at == NOON + TICK


def test_two_revisions_of_one_day_at_once_follow_each_other(
    at: Callable[[datetime], Register],
) -> None:
    second, first = at(NOON).commit([revision(number=2), revision(number=1)])
    assert (first.revision, second.revision) == (1, 2)
    assert (first.known_at, second.known_at) == (NOON, NOON + TICK)


def test_the_revision_known_at_a_moment(at: Callable[[datetime], Register]) -> None:
    second = NOON + timedelta(hours=1)
    at(NOON).commit([revision()])
    at(second).commit([revision(number=2)])
    at(second).commit([revision("deals")])
    register = at(NOON)
    assert register.revision_at("flows", DAY, NOON - TICK) == 0
    assert register.revision_at("flows", DAY, NOON) == 1
    assert register.revision_at("flows", DAY, second - TICK) == 1
    assert register.revision_at("flows", DAY, second) == 2
    assert register.revision_at("flows", DAY, second + timedelta(days=900)) == 2
    assert register.revision_at("deals", DAY, second - TICK) == 0
    assert register.revision_at("flows", NEXT_DAY, second) == 0


# -- refusals -----------------------------------------------------------------------------------


def test_a_revision_that_stands_is_a_lost_race(register: Register) -> None:
    (first,) = register.commit([revision()])
    with pytest.raises(LostRace, match="flows for 2026-01-05: revision 1") as caught:
        register.commit([revision(posting="mine")])
    lost = pickle.loads(pickle.dumps(caught.value))
    assert (lost.table, lost.day, lost.revision) == ("flows", DAY, 1)
    assert register.history("flows", DAY) == (first,)


@pytest.mark.parametrize("late", ["deals", "rates"], ids=["the first loses", "the second loses"])
def test_of_a_commit_that_loses_one_revision_nothing_stays(register: Register, late: str) -> None:
    register.commit([revision(late, posting="theirs")])
    register.commit([revision("entities")])
    both = [
        revision("deals", posting="mine 1", inputs=(reads("entities", 1),)),
        revision("rates", posting="mine 2", inputs=(reads("entities", 1),)),
    ]

    with pytest.raises(LostRace) as caught:
        register.commit(both, delivery())

    assert (caught.value.table, caught.value.revision) == (late, 1)
    other = "rates" if late == "deals" else "deals"
    assert register.history(other, DAY) == ()
    assert [r.posting for r in register.history(late, DAY)] == ["theirs"]
    assert register.deliveries("deals", DAY) == ()
    register.commit([revision(other, posting="mine again")], delivery())


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(revision("flows", 3), id="a gap"),
        pytest.param(revision("flows", 0), id="revision zero"),
        pytest.param(revision("flows", -1), id="a negative revision"),
        pytest.param(revision("rates", 2), id="no first revision"),
        pytest.param(revision("flows", 2, posting="flows-1"), id="a posting used twice"),
        pytest.param(revision("flows", 2, posting=None), id="rows without a posting"),
        pytest.param(revision("flows", 2, booked=-1), id="a negative count"),
        pytest.param(revision("flows", 2, kind="delat"), id="an unknown kind"),
        pytest.param(
            revision("flows", 2, inputs=(reads("deals", 1),)), id="an input never registered"
        ),
        pytest.param(
            revision("flows", 2, inputs=(reads("base", 1), reads("base", 2))),
            id="two revisions of one input",
        ),
    ],
)
def test_a_wrong_revision_is_refused_and_is_no_lost_race(
    register: Register, refused: Revision
) -> None:
    register.commit([revision()])
    register.commit([revision("base"), revision("base", 2)])
    with pytest.raises(IntegrityError):
        register.commit([refused])
    assert numbers(register.history("flows", DAY)) == [1]
    assert register.history("rates", DAY) == ()


def test_revisions_without_posting_do_not_collide(register: Register) -> None:
    register.commit([revision()])
    for number in (2, 3):
        register.commit([revision(number=number, posting=None, booked=0, reversed=0)])
    assert numbers(register.history("flows", DAY)) == [1, 2, 3]


# -- deliveries ---------------------------------------------------------------------------------


def test_a_delivery_names_the_revision_it_led_to(register: Register) -> None:
    register.commit([revision("deals"), revision("rejects")], delivery())
    # A writer that was overtaken offers the same delivery again, at a later number.
    register.commit(
        [revision("rejects", 2), revision("deals", 2)],
        delivery("b", revision=1, arrived_at=NOON + TICK),
    )
    assert [d.revision for d in register.deliveries("deals", DAY)] == [1, 2]
    assert register.deliveries("deals", DAY)[0] == delivery(revision=1)


def test_a_delivery_that_led_to_nothing_is_kept(register: Register) -> None:
    refused = delivery(delivered=10, accepted=0, rejected=10)
    assert register.commit([], refused) == ()
    assert register.deliveries("deals", DAY) == (refused,)
    assert register.delivered("5a5a", "deals", DAY) == refused


def test_the_last_delivery_of_the_same_content_is_found(register: Register) -> None:
    for hour, (batch, content) in enumerate([("z", "aa"), ("y", "bb"), ("x", "aa")], start=1):
        arrived = NOON + timedelta(hours=hour)
        register.commit([], delivery(batch, sha256=content, arrived_at=arrived))
    assert [d.batch for d in register.deliveries("deals", DAY)] == ["z", "y", "x"]
    found = register.delivered("aa", "deals", DAY)
    assert found is not None
    assert found.batch == "x"
    assert register.delivered("aa", "deals", NEXT_DAY) is None
    assert register.delivered("aa", "rates", DAY) is None
    assert register.delivered("cc", "deals", DAY) is None


@pytest.mark.parametrize(
    "changes",
    [{"accepted": 9}, {"accepted": 12, "rejected": -2}, {"mode": "part"}, {"revision": 7}],
    ids=str,
)
def test_a_wrong_delivery_is_refused_with_its_revisions(
    register: Register, changes: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError):
        register.commit([revision("rates")], delivery(**changes))
    assert register.history("rates", DAY) == ()


def test_a_batch_is_delivered_once(register: Register) -> None:
    register.commit([], delivery())
    with pytest.raises(IntegrityError):
        register.commit([revision("deals")], delivery())
    assert register.history("deals", DAY) == ()
