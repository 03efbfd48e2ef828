"""Tell before anything starts that a port is taken, by whom, and which flag chooses another."""

import errno
import os
import socket

import psutil

from schema.errors import GigawattError

_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def require_free(port: int, *, flag: str, host: str = "127.0.0.1") -> None:
    """GigawattError when `port` cannot be listened on; the message names `flag` as the way out."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: connections of an earlier run that linger in TIME_WAIT are no reason to fail.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in _NOT_HERE or isinstance(error, socket.gaierror):
                raise GigawattError(
                    f"{host} is not an address of this machine; choose another with --listen"
                ) from error
            why = (
                f"is in use{holder(port)}"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used: {os.strerror(error.errno or 0)}"
            )
            raise GigawattError(f"port {port} {why}; choose another with {flag}") from error


def holder(port: int) -> str:
    """` by NAME (pid N)` for the process that listens on `port`; empty where the system does not say."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.pid or not connection.laddr:
                continue
            if connection.laddr.port == port:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # macOS tells only root; a process may end while it is looked at
    return ""
