"""The page for other machines: over TLS, by the names of its certificate, and never without a password."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import urllib3

from dashboards.page.server import Outside
from schema.served_tls import Served
from tests.dashboards.page.conftest import running
from tests.schema.certificates import Files, ca_file, files

ELSEWHERE = "127.0.0.2"
"""An address of this machine that is not the one of loopback."""
LOGIN = urllib3.make_headers(basic_auth="grafana:pass wörd".encode().decode("latin-1"))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def own(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files(authority.issue_cert("page.example"), tmp_path_factory.mktemp("own"), "page")


@pytest.fixture(scope="module")
def page(own: Files) -> Iterator[str]:
    """Serve the page, of a store that is away, and give its address on this machine."""
    outside = Outside(ELSEWHERE, Served(own.certificate, own.key), "grafana", "pass wörd")
    with running("http://127.0.0.1:1", found={}, outside=outside) as address:
        yield address


@pytest.fixture
def elsewhere(page: str, authority: trustme.CA, tmp_path: Path):
    """Ask from another machine."""
    ca, name = str(ca_file(authority, tmp_path)), "page.example"
    with urllib3.PoolManager(ca_certs=ca, server_hostname=name, assert_hostname=name, retries=False) as pool:
        address = page.replace("http://127.0.0.1", f"https://{ELSEWHERE}")
        yield lambda path="/", headers=LOGIN, method="GET": pool.request(method, f"{address}{path}", headers=headers)


PATHS = ("/", "/api/boards", "/summary.json", "/healthz", "/static/index.html", "/plotly.min.js", "/nothing")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers", [{}, urllib3.make_headers(basic_auth="grafana:"), urllib3.make_headers(basic_auth="default:pass")]
)
def test_nothing_is_told_without_the_password(page, elsewhere, path, headers):
    """Neither to other machines nor on this one, once others may come."""
    for answer in (elsewhere(path, headers), urllib3.request("GET", f"{page}{path}", headers=headers)):
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("odd", ["Basic", "Basic \udcff", "Bearer x", "Basic Z3JhZmFuYTo="])
def test_what_is_no_login_is_none(elsewhere, odd):
    headers = {"Authorization": odd.encode("utf-8", "surrogateescape").decode("latin-1")}

    assert elsewhere(headers=headers).status == 401


def test_with_the_password_it_answers(page, elsewhere):
    assert b"<main" in elsewhere().data
    assert elsewhere("/api/boards").json() == []
    assert urllib3.request("GET", f"{page}/api/boards", headers=LOGIN).json() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "page.example"}, 200),
        ({"Host": ELSEWHERE}, 200),
        ({"Host": "127.0.0.3"}, 403),
        ({"Host": "page.example:8080", "Origin": "https://page.example:8080"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "page.example", "Origin": "https://evil.example"}, 403),
        ({"Host": "page.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "page.example.evil.example"}, 403),
    ],
)
def test_a_page_of_elsewhere_gets_nothing_even_with_the_password(elsewhere, headers, status):
    """A browser sends what it was logged in with, whoever's page asks."""
    assert elsewhere("/api/boards", LOGIN | headers).status == status


def test_it_speaks_no_http_there(page):
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", page.replace("127.0.0.1", ELSEWHERE), headers=LOGIN, retries=False)


def test_the_password_is_not_in_what_is_said_of_it(own):
    assert "secret" not in repr(Outside(ELSEWHERE, Served(own.certificate, own.key), "grafana", "secret"))
