"""Bearer tokens for Kafka (OAUTHBEARER): from a file that somebody renews, or from a command that prints one."""

import base64
import binascii
import json
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from schema.errors import GigawattError
from schema.files import read_text

_MAX_BYTES: Final = 64 * 2**10
_WITHIN_S: Final = 10.0
_SPARE_S: Final = 30.0
"""A command is asked for a new token so long before the one at hand expires."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")


class Token:
    """A token that is read when a connection is made. `where` says where it is from, without saying it."""

    def __init__(
        self, where: str, fetch: Callable[[], str], *, kept: bool, now_s: Callable[[], float] = time.time
    ) -> None:
        self.where = where
        self._fetch = fetch
        self._kept = kept
        self._now_s = now_s
        self._newest = ""
        self._one_at_a_time = threading.Lock()

    def __repr__(self) -> str:
        return f"Token({self.where})"

    def read(self) -> str:
        """Return a token that is good now, as far as it says itself. Raises `GigawattError` where there is none."""
        with self._one_at_a_time:
            if not (self._kept and (expires_s(self._newest) or 0.0) - _SPARE_S > self._now_s()):
                text = self._fetch().strip()
                if not _TOKEN.fullmatch(text):
                    raise GigawattError(
                        f"{self.where} does not give a token; a token has only letters, digits and -._~+/="
                    )
                self._newest = text
            return self._newest

    def expired_at_s(self) -> float | None:
        """Return when the newest token expired, in seconds of the epoch; None while it is good, or does not say."""
        expires = expires_s(self._newest)
        return None if expires is None or expires > self._now_s() else expires


def token_of(key: str, value: str) -> Token:
    """Return the token that a setting names. Raises `GigawattError` for a command that is none."""
    if key.endswith(".file"):
        path = Path(value)
        return Token(f"{key}={path}", lambda: _read(path), kept=False)
    try:
        command = shlex.split(value)
    except ValueError:
        command = []
    if not command:
        raise GigawattError(f"{key} is not a command; write the program and its arguments as in a shell")
    return Token(f"{key}: {command[0]}", lambda: _run(command, key), kept=True)


def expires_s(token: str) -> float | None:
    """Return when a JSON Web Token expires, in seconds of the epoch; None where it is none, or does not say."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, claims and signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (binascii.Error, ValueError, TypeError, KeyError):
        return None


def _read(path: Path) -> str:
    try:
        return read_text(path, _MAX_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise GigawattError(f"cannot read the token for Kafka from {path}: {why}") from None


def _run(command: list[str], key: str) -> str:
    """Run the command. What it prints is in no error: it may be the token, or what it is bought with."""
    try:
        done = subprocess.run(  # noqa: S603  the operator's own, without a shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WITHIN_S, check=False
        )
    except OSError as error:
        raise GigawattError(f"{key}: {command[0]} cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise GigawattError(f"{key}: {command[0]} printed no token within {_WITHIN_S:g} s") from None
    if done.returncode:
        raise GigawattError(f"{key}: {command[0]} exited with status {done.returncode}; run it by hand to see why")
    return done.stdout[:_MAX_BYTES].decode("ascii", "replace")
