"""A stand-in for a management controller: a real Redfish service on loopback, over TLS if it is given a certificate."""

import base64
import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
ACCOUNT = ("gigawatt", "pass wörd")


def link(path):
    return {"@odata.id": path}


def chassis(name, *, power=None, environment=None, within=None, supplies=None, **extra):
    """Return the resources of a chassis: itself, and where it tells of power.

    `supplies` are those of its PowerSubsystem: by their names the supply itself, and its metrics or None.
    """
    path = f"{ROOT}/Chassis/{name}"
    itself = {
        "@odata.id": path,
        "Id": name,
        "Links": {"ContainedBy": link(f"{ROOT}/Chassis/{within}")} if within else {},
    }
    resources = {path: itself | extra}
    for key, resource in (("Power", power), ("EnvironmentMetrics", environment)):
        if resource is not None:
            itself = resources[path]
            itself[key] = link(f"{path}/{key}")
            resources[f"{path}/{key}"] = {"@odata.id": f"{path}/{key}", "Id": key, **resource}
    if supplies is not None:
        subsystem = f"{path}/PowerSubsystem"
        resources[path]["PowerSubsystem"] = link(subsystem)
        resources[subsystem] = {"PowerSupplies": link(f"{subsystem}/PowerSupplies")}
        places = {number: f"{subsystem}/PowerSupplies/{number}" for number in supplies}
        resources[f"{subsystem}/PowerSupplies"] = {"Members": [link(place) for place in places.values()]}
        for number, (supply, metrics) in supplies.items():
            resources[places[number]] = {"Id": number, **supply, "Metrics": link(f"{places[number]}/Metrics")}
            if metrics is not None:
                resources[f"{places[number]}/Metrics"] = metrics
    return resources


def control(watts, **extra):
    """Return a Power resource whose first PowerControl shows these watts."""
    return {"PowerControl": [{"MemberId": "0", "PowerConsumedWatts": watts, **extra}]}


def watts(reading, **extra):
    """Return EnvironmentMetrics that show these watts."""
    return {"PowerWatts": {"Reading": reading, "DataSourceUri": f"{ROOT}/Chassis/1/Sensors/TotalPower"}, **extra}


class Service:
    """Answers with `resources`, with the status in `broken`, and with whatever `respond` does to a GET when it is set.

    With an `account` it wants a session or HTTP Basic. `requests` are method and path of all that was asked,
    `connections` how often it was connected to.
    """

    def __init__(self, *parts, account=None):
        self.account = account
        self.respond = None
        self.broken = {}
        self.requests = []
        self.connections = 0
        self.tokens = {}
        self.url = ""
        self.show(*parts)

    def show(self, *parts):
        """Show these chassis and no others."""
        self.resources = {path: resource for part in parts for path, resource in part.items()}
        members = [path for path in self.resources if path.count("/") == 4]
        self.resources[f"{ROOT}/Chassis"] = {"Members": [link(path) for path in members]}

    def allows(self, headers):
        if self.account is None:
            return True
        basic = "Basic " + base64.b64encode(":".join(self.account).encode()).decode()
        return headers.get("Authorization") == basic or headers.get("X-Auth-Token") in self.tokens

    def answer(self, handler, status, resource=None, headers=()):
        body = b"" if resource is None else json.dumps(resource).encode()
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def get(self, handler):
        if not self.allows(handler.headers):
            self.answer(handler, 401)
        elif self.respond:
            self.respond(handler)
        elif handler.path in self.broken:
            self.answer(handler, self.broken[handler.path], {"error": {}})
        elif handler.path in self.resources:
            self.answer(handler, 200, self.resources[handler.path])
        else:
            self.answer(handler, 404)

    def post(self, handler):
        wanted = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if handler.path != SESSIONS or (wanted["UserName"], wanted["Password"]) != self.account:
            self.answer(handler, 401)
            return
        number = len([path for method, path in self.requests if method == "POST"])
        self.tokens[f"token-{number}"] = f"{SESSIONS}/{number}"
        location = self.url + f"{SESSIONS}/{number}"
        self.answer(handler, 201, {}, [("X-Auth-Token", f"token-{number}"), ("Location", location)])

    def delete(self, handler):
        if not self.allows(handler.headers):
            self.answer(handler, 401)
            return
        self.tokens = {token: path for token, path in self.tokens.items() if path != handler.path}
        self.answer(handler, 204)

    def asked(self, method):
        return [path for asked, path in self.requests if asked == method]


@contextmanager
def serving(service, certificate=None):
    """Serve until the end of the block; `service.url` is where. `certificate` is one of trustme's."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            service.connections += 1
            super().setup()

        def do_GET(self):
            service.requests.append(("GET", self.path))
            service.get(self)

        def do_POST(self):
            service.requests.append(("POST", self.path))
            service.post(self)

        def do_DELETE(self):
            service.requests.append(("DELETE", self.path))
            service.delete(self)

        def log_message(self, *_):
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            """Pass over a client that hangs up, which is what some tests do."""

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        service.url = f"{scheme}://127.0.0.1:{server.server_port}"
        yield service
        server.shutdown()
        thread.join()
