import pytest

from local.clickhouse.binding import quoted
from local.clickhouse.config import User, users
from local.clickhouse.connections import checked_parameters, session_of
from local.clickhouse.errors import EngineError
from local.clickhouse.protocol import parse_request

DEFAULT, _, GRAFANA = users()
KNOWN = {"max_threads", "max_execution_time"}


def asked(url, agent="clickhouse-connect/1", method="POST"):
    """Parse a request with these URL parameters."""
    return parse_request(method, url.items(), {"User-Agent": agent})


@pytest.mark.parametrize("named", [{}, {"database": "default"}])
def test_a_plain_session_opens_with_its_database_alone(named):
    """Where none is named, and where it is the engine's own, it is an ordinary one."""
    assert session_of(asked(named), DEFAULT, KNOWN).opening() == ["USE `local`"]


def test_the_user_s_bounds_come_before_the_client_s_settings():
    """So the engine holds the client's settings to them."""
    opening = session_of(asked({"database": "d`", "max_threads": "1"}), GRAFANA, KNOWN).opening()

    assert opening[0] == "USE `d\\``"
    assert opening[1] == "SET profile = 'grafana'"
    assert opening[-2:] == ["SET readonly = 2", "SET max_threads = '1'"]


@pytest.mark.parametrize(("wanted", "given"), [("5", "5"), ("65", "60"), ("0", "60"), ("x", "x")])
def test_a_bounded_setting_is_lowered_to_its_limit(wanted, given):
    """Zero means no limit, so it becomes the limit; what is no number is the engine's to refuse."""
    session = session_of(asked({"max_execution_time": wanted}), GRAFANA, KNOWN)

    assert dict(session.settings)["max_execution_time"] == given


def test_an_unknown_setting_is_refused_or_left_out():
    """As in ClickHouse it is an error; a Go driver may know settings that this engine does not."""
    with pytest.raises(EngineError) as refused:
        session_of(asked({"nope": "1", "client_protocol_version": "54405"}), DEFAULT, KNOWN)
    go = asked({"nope": "1", "client_protocol_version": "54460"}, agent="clickhouse-go/2")

    assert refused.value.code == 115
    assert session_of(go, GRAFANA, KNOWN).settings == ()


def test_sessions_are_equal_only_in_every_part():
    """Connections are shared by equal sessions alone."""
    plain = session_of(asked({"max_threads": "1"}), DEFAULT, KNOWN)

    assert plain == session_of(asked({"max_threads": "1", "query_id": "q"}), DEFAULT, KNOWN)
    assert plain != session_of(asked({"max_threads": "2"}), DEFAULT, KNOWN)
    assert plain != session_of(asked({"max_threads": "1"}), User("other"), KNOWN)
    assert plain != session_of(asked({"max_threads": "1"}, method="GET"), DEFAULT, KNOWN)
    assert plain != session_of(asked({"max_threads": "1"}), DEFAULT, KNOWN, (b"SET a = 1",))


def test_quotes_and_backslashes_stay_inside_of_a_literal():
    """A value cannot end its literal."""
    assert quoted("a'b\\") == "'a\\'b\\\\'"


def test_a_parameter_s_name_is_a_name():
    """It stands in a statement as it is."""
    assert checked_parameters({"x": "1"}) == {"x": "1"}
    with pytest.raises(EngineError):
        checked_parameters({"x = 1, readonly": "1"})
