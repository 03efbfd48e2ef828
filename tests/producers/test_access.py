"""Who asks a server and whom it believes: on real connections, over TLS where that matters."""

import base64
from urllib.parse import urlsplit

import click
import pytest
import trustme
from click.testing import CliRunner

from producers.access import EXPORTER, METER, Access, Secret, access_of, flags_of, options
from producers.scrape import NotLetInError, Scraper
from producers.source import SourceError
from schema.errors import GigawattError
from tests.producers.exporter import Exporter, serving

HERE = "127.0.0.1"
BASIC = "Basic " + base64.b64encode("scrape:pass wörd".encode()).decode()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def closed():
    """Serve a page to who gives the password or the token."""
    with serving(guarded(Exporter(b"up 1\n"))) as running:
        yield running


def guarded(exporter, *allowed):
    def respond(handler):
        exporter.asked = [*getattr(exporter, "asked", []), handler.headers.get("Authorization")]
        if exporter.asked[-1] in (allowed or (BASIC, "Bearer tok")):
            exporter.page(handler)
        else:
            handler.send_response(401)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    exporter.respond = respond
    return exporter


def secret(tmp_path, text, name="secret"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(url, environment=None, **flags):
    scraper = Scraper(url, access=access_of(flags, EXPORTER, environment or {}), timeout_s=60)
    try:
        return scraper.read()
    finally:
        scraper.close()


def test_a_page_is_read_with_a_password(closed, tmp_path):
    """From a file or the environment, with the line end that an editor leaves, and in UTF-8."""
    assert read(closed.url, user="scrape", password_file=secret(tmp_path, "pass wörd\n")) == b"up 1\n"
    assert read(closed.url, {"GIGAWATT_EXPORTER_PASSWORD": "pass wörd"}, user="scrape") == b"up 1\n"


def test_a_token_is_read_anew_for_each_request(closed, tmp_path):
    """It is renewed in place, and expires."""
    file = secret(tmp_path, "old\n")
    scraper = Scraper(closed.url, access=access_of({"token_file": file}, EXPORTER), timeout_s=60)
    with pytest.raises(NotLetInError, match=r"answered 401 Unauthorized: check the token in .*/secret$"):
        scraper.read()
    file.write_text(" tok \n")
    assert scraper.read() == b"up 1\n"
    file.unlink()
    with pytest.raises(SourceError, match=r"cannot read the token from .*: No such file"):
        scraper.read()
    scraper.close()


def test_who_is_not_let_in_is_told_what_to_give(closed, tmp_path):
    with pytest.raises(NotLetInError, match="answered 401 Unauthorized: use --user or --token-file"):
        read(closed.url)
    with pytest.raises(NotLetInError, match="answered 401 Unauthorized: check --user and the password"):
        read(closed.url, user="scrape", password_file=secret(tmp_path, "wrong"))
    with pytest.raises(NotLetInError, match="check the token in"):
        read(closed.url, token_file=secret(tmp_path, "wrong"))


def test_no_secret_is_in_an_error_or_a_representation(closed, tmp_path):
    access = access_of({"user": "scrape"}, EXPORTER, {"GIGAWATT_EXPORTER_PASSWORD": "s3cret"})
    scraper = Scraper(closed.url, access=access, timeout_s=60)
    with pytest.raises(NotLetInError) as raised:
        scraper.read()
    scraper.close()

    assert "s3cret" not in f"{raised.value} {access!r} {raised.value!r}"
    assert "s3cret" not in repr(Secret("token", secret(tmp_path, "s3cret")))


def test_a_redirect_gets_no_secret(tmp_path):
    """Not to another server, nor to another page of this one."""
    with serving(Exporter()) as elsewhere, serving(Exporter()) as exporter:

        def respond(handler):
            handler.send_response(307)
            handler.send_header("Location", elsewhere.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        exporter.respond = respond
        with pytest.raises(SourceError, match="answered 307 Temporary Redirect and redirects to"):
            read(exporter.url, token_file=secret(tmp_path, "tok"))

    assert elsewhere.requests == 0


@pytest.mark.parametrize("way", ["user", "token"])
def test_a_secret_is_not_sent_in_the_clear(tmp_path, way):
    """Unless told so, or to this machine itself."""
    file = secret(tmp_path, "tok")
    flags = {"token_file": file} if way == "token" else {"user": "me", "password_file": file}
    with pytest.raises(
        GigawattError, match=r"^the \w+ would be sent to http://10\.0\.0\.7:9400 unencrypted; use https"
    ):
        Scraper("10.0.0.7:9400", access=access_of(flags, EXPORTER))
    for url in ("https://10.0.0.7:9400", "http://localhost:9400", "http://[::1]:9400", "127.0.0.2:9400"):
        Scraper(url, access=access_of(flags, EXPORTER)).close()
    Scraper("http://10.0.0.7:9400", access=access_of({**flags, "insecure": True}, EXPORTER)).close()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"user": "me", "token_file": "tok"}, "--user and --token-file are different logins; use one of them"),
        ({"user": "me"}, "no password for user 'me'; set GIGAWATT_EXPORTER_PASSWORD, or use --password-file"),
        ({"user": "me:secret", "password_file": "tok"}, "a user name cannot have a colon"),
        ({"password_file": "tok"}, "--password-file needs a user; set --user"),
        ({"key_file": "tok"}, "--key needs its certificate; set --cert"),
        ({"token_file": "none"}, "cannot read the token from .*none: No such file or directory"),
        ({"token_file": "."}, "cannot read the token from .*: Is a directory"),
        ({"token_file": "empty"}, "the file of the token, .*, is empty"),
        ({"token_file": "two"}, "does not contain a token; a token has no spaces"),
        ({"token_file": "bytes"}, "cannot read the token from .*: it is not text"),
        ({"ca_file": "tok"}, "cannot read certificates from"),
        ({"certificate_file": "tok"}, r"cannot read a certificate with its key \(without a password\) from"),
        ({"certificate_file": "none", "key_file": "none"}, "from .*none and .*none: "),
    ],
)
def test_mistakes_are_said_before_anything_is_read(tmp_path, flags, message):
    for name, text in (("tok", "tok"), ("empty", "\n"), ("two", "a b\nc"), ("bytes", b"\xff\xfe")):
        secret(tmp_path, text, name)
    given = {flag: tmp_path / value if flag.endswith("file") else value for flag, value in flags.items()}
    with pytest.raises(GigawattError, match=message):
        Scraper("https://127.0.0.1:1", access=access_of(given, EXPORTER, {}))


def test_a_page_is_read_over_tls(authority, ca, tmp_path):
    """Of a server that the authority vouches for, with the token; of no other."""
    with serving(guarded(Exporter(b"up 1\n")), authority.issue_cert(HERE)) as exporter:
        assert read(exporter.url, ca_file=ca, token_file=secret(tmp_path, "tok")) == b"up 1\n"
        with pytest.raises(SourceError, match=r"untrusted certificate .*; use --ca .*, or --insecure"):
            read(exporter.url, token_file=secret(tmp_path, "tok"))
    with serving(guarded(Exporter(b"up 1\n")), authority.issue_cert("other.example")) as exporter:
        with pytest.raises(SourceError, match="has a certificate for another name"):
            read(exporter.url, ca_file=ca, token_file=secret(tmp_path, "tok"))
        assert not hasattr(exporter, "asked")
        assert read(exporter.url, insecure=True, token_file=secret(tmp_path, "tok")) == b"up 1\n"


def client(authority, tmp_path, name="client"):
    certificate = authority.issue_cert(f"{name}.example")
    files = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
    certificate.cert_chain_pems[0].write_to_path(files[0])
    certificate.private_key_pem.write_to_path(files[1])
    return files


def test_a_certificate_is_shown_to_a_server_that_asks_for_one(authority, ca, tmp_path):
    """With its key beside it, or in one file."""
    certificate, key = client(authority, tmp_path)
    both = secret(tmp_path, certificate.read_text() + key.read_text(), "both.pem")
    with serving(Exporter(b"up 1\n"), authority.issue_cert(HERE), authority) as exporter:
        assert read(exporter.url, ca_file=ca, certificate_file=certificate, key_file=key) == b"up 1\n"
        assert read(exporter.url, ca_file=ca, certificate_file=both) == b"up 1\n"
        assert read(exporter.url, insecure=True, certificate_file=both) == b"up 1\n"
        for _ in range(3):
            with pytest.raises(SourceError, match=r"requires a client certificate|closed"):
                read(exporter.url, ca_file=ca)
        stranger = client(trustme.CA(), tmp_path, "stranger")
        with pytest.raises(SourceError, match=r"rejects the certificate of --cert|closed"):
            read(exporter.url, ca_file=ca, certificate_file=stranger[0], key_file=stranger[1])


def test_a_certificate_that_is_renewed_in_place_is_taken_up(authority, ca, tmp_path):
    """At the next read, without a restart; while its file is half written, the one before it goes on."""
    used, new = client(authority, tmp_path, "used"), client(authority, tmp_path, "new")
    flags = {"ca_file": ca, "certificate_file": used[0], "key_file": used[1]}
    with serving(Exporter(), authority.issue_cert(HERE), authority) as exporter:

        def respond(handler):
            names = handler.connection.getpeercert()["subjectAltName"]
            exporter.body = names[0][1].encode()
            exporter.page(handler)

        exporter.respond = respond
        scraper = Scraper(exporter.url, access=access_of(flags, EXPORTER), timeout_s=60)
        told = [scraper.read()]
        used[0].write_bytes(new[0].read_bytes())
        told.append(scraper.read())
        used[1].write_bytes(new[1].read_bytes())
        told.append(scraper.read())
        scraper.close()

    assert told == [b"used.example", b"used.example", b"new.example"]


def test_http_where_https_was_meant_is_said(closed):
    with pytest.raises(SourceError, match="does not use TLS at this port; check whether it is http, or another port"):
        read(f"https://{urlsplit(closed.url).netloc}/metrics")


def test_being_insecure_is_said_aloud(capsys):
    assert access_of({"insecure": True}, EXPORTER).trust.insecure
    assert "--insecure: any server is trusted" in capsys.readouterr().out


def test_the_flags_and_the_environment_say_the_same(tmp_path):
    """Each flag but --insecure has its name there; a meter has no token."""
    files = {name: tmp_path / name for name in ("PASSWORD_FILE", "TOKEN_FILE", "CA", "CERT", "KEY")}
    environment = {f"{EXPORTER}_{name}": str(file) for name, file in files.items()} | {f"{EXPORTER}_USER": "me"}
    command = click.Command("x", params=list(options(EXPORTER)), callback=lambda **flags: flags)
    flags = CliRunner().invoke(command, [], env=environment, standalone_mode=False).return_value

    assert flags.pop("insecure") is False
    assert flags == flags_of(EXPORTER, environment)
    assert flags_of(EXPORTER, {}) == dict.fromkeys(flags)
    assert [option.name for option in options(EXPORTER) if option not in options(METER, token=False)]
    assert "token_file" not in {option.name for option in options(METER, token=False)}


def test_nobody_asks_without_a_header():
    assert Access().headers() == {}
