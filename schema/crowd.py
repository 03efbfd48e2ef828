"""How many connections a server on loopback holds: every user of this machine may open some, and a process has few.

Where there are no file descriptors left, a process accepts nobody, opens no file and starts no child.
"""

from collections.abc import Callable, Container

from aiohttp.web import RequestHandler, Server


def bounded(server: Server, most: int, spared: Container[RequestHandler] = frozenset()) -> Callable[[], RequestHandler]:
    """Return what an event loop calls for each new connection. Above `most`, the oldest that is not `spared` goes."""

    def accepted() -> RequestHandler:
        held = [one for one in server.connections if one.transport is not None]
        if len(held) >= most:
            oldest = next((one for one in held if one not in spared), held[0])
            transport = oldest.transport
            oldest.force_close()
            if transport is not None:
                transport.abort()  # it does not wait until what is to be sent is read
        return server()

    return accepted
