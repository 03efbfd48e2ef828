"""Passwords of ClickHouse's users, in files; that of an engine on this machine, and how our parts find it.

`gigawatt up` makes one password for each state directory. A client that has only `http://127.0.0.1:8123` finds it by
the port: the running engine leaves a note of its directory among the user's own files. The note counts only while that
directory is locked by its engine, so a stranger who listens on the port later is sent nothing.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from schema.errors import GigawattError
from schema.home import home

FILE_VARIABLE: Final = "GIGAWATT_CLICKHOUSE_PASSWORD_FILE"
LOCK: Final = "lock"
_NAME: Final = "password"


def state_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where this user's programs keep their state (XDG base directories)."""
    return Path(environ.get("XDG_STATE_HOME") or home(environ) / ".local" / "state")


def password_of(directory: Path, user: str = "") -> str:
    """Return the password of an engine's owner, or of another user, made at the first time. Raises `GigawattError`."""
    path = password_file(directory, user)
    try:
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24) + "\n")
        # Without waiting: what stands there may be a pipe, into which nobody writes.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
                raise GigawattError(f"{path} belongs to another user, or is not a file; choose another state directory")
            os.fchmod(file.fileno(), 0o600)
            return _given(file.read(), path)
    except OSError as error:
        raise GigawattError(f"cannot store a password in {path} ({error.strerror})") from error


def password_file(directory: Path, user: str = "") -> Path:
    """Return the file of an engine's directory that holds the password of its owner, or of another user."""
    return directory / (f"{_NAME}-{user}" if user else _NAME)


def read(path: Path) -> str:
    """Return the password in a file. Raises `GigawattError` when there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GigawattError(
            f"cannot read the password in {path}: {getattr(error, 'strerror', None) or error}"
        ) from error
    return _given(text, path)


def _given(text: str, path: Path) -> str:
    password = text.strip()
    if not password:
        raise GigawattError(f"{path} is empty; write the password into it")
    return password


@contextmanager
def noted(port: int, directory: Path) -> Iterator[None]:
    """Let this user's commands find the directory by the port until the block ends; where it cannot, they are told."""
    note = _note(port)
    with suppress(OSError):  # a home that cannot be written: GIGAWATT_CLICKHOUSE_PASSWORD_FILE names the file then
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        note.symlink_to(directory)
    try:
        yield
    finally:
        with suppress(OSError):
            if note.readlink() == directory:
                note.unlink()


def named(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the password file that the environment names, None where it names none."""
    path = environ.get(FILE_VARIABLE)
    return Path(path) if path else None


def found(port: int, environ: Mapping[str, str] = os.environ) -> str:
    """Return the password of this user's engine on a port of this machine; "" where none runs."""
    try:
        directory = _note(port, environ).readlink()
        with (directory / LOCK).open("rb") as lock:
            if _is_free(lock.fileno()):
                return ""
    except OSError:
        return ""
    return read(password_file(directory))


def _note(port: int, environ: Mapping[str, str] = os.environ) -> Path:
    return state_home(environ) / "gigawatt" / "ports" / str(port)


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True
