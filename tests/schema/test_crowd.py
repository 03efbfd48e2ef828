import asyncio
import contextlib

from aiohttp import web

from schema.crowd import bounded


async def asked(address):
    """Open a connection, ask, and give both; the connection stays open."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return await reader.read(12), writer


@contextlib.asynccontextmanager
async def serving(most, spared=frozenset(), seen=None):
    """Serve on a free port with room for `most` connections, and give the address."""

    async def answer(request):
        if seen is not None:
            seen.append(request.protocol)
        return web.Response(text="ok")

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    accepting = await asyncio.get_running_loop().create_server(bounded(runner.server, most, spared), "127.0.0.1", 0)
    yield accepting.sockets[0].getsockname()
    accepting.close()
    await runner.cleanup()


async def _crowded():
    async with serving(8) as address:
        idle = [await asyncio.open_connection(*address) for _ in range(40)]
        answers = [await asked(address) for _ in range(20)]
        gone = [await asyncio.wait_for(reader.read(1), 60) for reader, _ in idle]
        for _, writer in (*idle, *answers):
            writer.close()
        return [answer for answer, _ in answers], gone


def test_a_new_connection_is_answered_however_many_idle_ones_there_are():
    """The oldest go instead."""
    answers, gone = asyncio.run(_crowded())

    assert answers == [b"HTTP/1.1 200"] * 20
    assert gone == [b""] * 40


async def _spared():
    spared, seen = set(), []
    async with serving(4, spared, seen) as address:
        writers = [(await asked(address))[1]]
        spared.add(seen[0])
        writers += [(await asked(address))[1] for _ in range(20)]
        stays = seen[0].transport is not None
        for writer in writers:
            writer.close()
        return stays


def test_a_spared_connection_stays():
    """However old it is."""
    assert asyncio.run(_spared())
