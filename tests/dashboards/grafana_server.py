"""A stand-in for a Grafana: a real HTTP server on loopback that keeps folders, data sources, dashboards and rules.

It answers as Grafana does: statuses, bodies, what it adds to what it is given, and what it does not let one change.
"""

import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_secret"  # noqa: S105  of a server that lives as long as a test
UPDATED = "2026-11-24T10:00:00Z"


@dataclass
class Fault:
    """What goes wrong with the next request of this method on a path that matches.

    With `after`, the request is carried out first. Without a `status` the connection is cut.
    """

    method: str
    path: str
    status: int | None = None
    body: bytes = b'{"message": "out of order"}'
    headers: dict = field(default_factory=dict)
    delay_s: float = 0.0
    after: bool = False


class Refusal(Exception):  # noqa: N818  an answer, not an error of the stand-in
    """An answer that is no success: status and body."""


def duration(text):
    """Write a duration as Grafana does: 90s is 1m30s."""
    units = {"s": 1, "m": 60, "h": 3600}
    seconds = sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([smh])", text))
    parts = [(seconds // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


class GrafanaServer:
    """`requests` are method and path of all that was asked, `writes` of what was not a GET; `faults` happen once each.

    `forbidden` names a permission that the token lacks, with the beginning of the path that needs it.
    """

    def __init__(self):
        self.url = ""
        self.requests = []
        self.faults = []
        self.forbidden = {}
        self.folders = {}
        self.data_sources = {}
        self.secrets = {}
        self.dashboards = {}
        self.rules = {}
        self.intervals = {}
        self.version, self.plugin = "12.2.0", "4.20.0"
        self.reaches_clickhouse = True
        self.unreachable = set()
        self.cached_hosts = {}
        self.skips_cache = False
        self.pending = False
        self._lock = threading.Lock()

    @property
    def writes(self):
        return [request for request in self.requests if not request.startswith("GET")]

    def answer(self, method, path, query, body):
        """Return status and body, None for none."""
        for pattern, handle in self.routes.items():
            verb, _, route = pattern.partition(" ")
            found = re.fullmatch(route, path)
            if verb == method and found:
                return handle(self, *map(unquote, found.groups()), **({"body": body} if body is not None else query))
        raise Refusal(404, {"message": "Not found"})

    def health(self):
        return 200, {"commit": "abc", "database": "ok", "version": self.version}

    def get_plugin(self, uid):
        if self.plugin is None:
            raise Refusal(404, {"message": "Plugin not found, no installed plugin with that id"})
        return 200, {"id": uid, "enabled": True, "info": {"version": self.plugin}}

    def get_folders(self, limit="1000", page="1"):
        begin = int(limit) * (int(page) - 1)
        found = [{"id": at, "uid": uid, "title": title} for at, (uid, title) in enumerate(self.folders.items(), 1)]
        return 200, found[begin : begin + int(limit)]

    def get_folder(self, uid):
        if uid not in self.folders:
            raise Refusal(404, {"status": "not-found", "message": "folder not found"})
        return 200, {"id": 1, "uid": uid, "title": self.folders[uid], "version": 1}

    def post_folder(self, body):
        if body["uid"] in self.folders:
            raise Refusal(409, {"message": "a folder/dashboard with the same uid already exists"})
        self.folders[body["uid"]] = body["title"]
        return self.get_folder(body["uid"])

    def put_folder(self, uid, body):
        self.get_folder(uid)
        if not body.get("overwrite"):
            raise Refusal(412, {"status": "version-mismatch", "message": "the folder has been changed by someone else"})
        self.folders[uid] = body["title"]
        return self.get_folder(uid)

    def get_data_source(self, uid):
        if uid not in self.data_sources:
            raise Refusal(404, {"message": "Data source not found"})
        return 200, self.data_sources[uid]

    def post_data_source(self, body):
        if body["uid"] in self.data_sources or body["name"] in [one["name"] for one in self.data_sources.values()]:
            raise Refusal(409, {"message": "data source with the same name already exists"})
        return self._store_data_source(body["uid"], body, version=1)

    def put_data_source(self, uid, body):
        _, present = self.get_data_source(uid)
        if present["readOnly"]:
            raise Refusal(403, {"message": "Cannot update read-only data source"})
        return self._store_data_source(uid, body, version=present["version"] + 1)

    def _store_data_source(self, uid, body, version):
        self.secrets.setdefault(uid, {}).update(body.get("secureJsonData", {}))
        kept = {key: value for key, value in body.items() if key != "secureJsonData"}
        secret = dict.fromkeys(self.secrets[uid], True)
        extra = {"id": 7, "orgId": 1, "url": "", "isDefault": False, "basicAuth": False, "readOnly": False}
        self.data_sources[uid] = extra | kept | {"uid": uid, "version": version, "secureJsonFields": secret}
        return 200, {"message": "Datasource saved", "datasource": self.data_sources[uid]}

    def data_source_health(self, uid):
        """Ask the address that is cached, if any, unless the request says that it wants none of that."""
        _, present = self.get_data_source(uid)
        host = present["jsonData"]["host"]
        if not self.skips_cache:
            host = self.cached_hosts.setdefault(uid, host)
        if self.reaches_clickhouse and host not in self.unreachable:
            return 200, {"status": "OK", "message": "Data source is working"}
        raise Refusal(400, {"status": "ERROR", "message": f"dial tcp {host}:8123: connection refused"})

    def get_dashboard(self, uid):
        if uid not in self.dashboards:
            raise Refusal(404, {"status": "not-found", "message": "Dashboard not found"})
        return 200, self.dashboards[uid]

    def post_dashboard(self, body):
        model, present = body["dashboard"], self.dashboards.get(body["dashboard"]["uid"])
        if body["folderUid"] not in self.folders:
            raise Refusal(400, {"message": "folder not found"})
        if self.pending:
            return 202, {"status": "pending", "message": "changes were broadcast to the gitops listener"}
        if present and present["meta"].get("provisioned"):
            raise Refusal(400, {"message": "Cannot save provisioned dashboard"})
        if present and present["dashboard"]["version"] != model.get("version") and not body.get("overwrite"):
            said = "The dashboard has been changed by someone else"
            raise Refusal(412, {"status": "version-mismatch", "message": said})
        version = present["dashboard"]["version"] + 1 if present else 1
        saved = {**model, "id": len(self.dashboards) + 1, "version": version}
        meta = {"folderUid": body["folderUid"], "provisioned": False, "version": version}
        self.dashboards[model["uid"]] = {"dashboard": saved, "meta": meta}
        return 200, {"status": "success", "uid": model["uid"], "version": version}

    def delete_dashboard(self, uid):
        self.get_dashboard(uid)
        del self.dashboards[uid]
        return 200, {"message": "Dashboard deleted"}

    def search(self, type="", folderUIDs="", tag="", limit=""):  # noqa: A002, N803  Grafana's names
        assert type == "dash-db"
        return 200, [
            {"uid": uid, "title": one["dashboard"]["title"], "type": type, "folderUid": one["meta"]["folderUid"]}
            for uid, one in self.dashboards.items()
            if one["meta"]["folderUid"] == folderUIDs and tag in one["dashboard"].get("tags", [])
        ]

    def get_rules(self):
        return 200, list(self.rules.values())

    def get_rule(self, uid):
        if uid not in self.rules:
            raise Refusal(404, None)
        return 200, self.rules[uid]

    def post_rule(self, body):
        if body["uid"] in self.rules:
            raise Refusal(409, {"message": "rule UID under the same organisation should be unique"})
        return 201, self._store_rule(body["uid"], body)

    def put_rule(self, uid, body):
        _, present = self.get_rule(uid)
        if present["provenance"] not in ("", "api"):
            raise Refusal(500, {"message": f"cannot change provenance from '{present['provenance']}' to 'api'"})
        return 200, self._store_rule(uid, body)

    def _store_rule(self, uid, body):
        if body["folderUID"] not in self.folders:
            raise Refusal(400, {"message": "invalid alert rule: folder does not exist"})
        if not body["data"]:
            raise Refusal(400, {"message": "invalid alert rule: no queries or expressions are found"})
        self.rules[uid] = {
            "keep_firing_for": "0s", "isPaused": False, "notification_settings": None, "record": None, **body,
            "id": 1, "orgID": 1, "updated": UPDATED, "provenance": "api", "for": duration(body["for"]),
            "data": [
                {"queryType": "", **query, "model": {"intervalMs": 1000, "maxDataPoints": 43200, **query["model"]}}
                for query in body["data"]
            ],
        }  # fmt: skip
        self.intervals.setdefault((body["folderUID"], body["ruleGroup"]), 60)
        return self.rules[uid]

    def delete_rule(self, uid):
        self.rules.pop(uid, None)
        return 204, None

    def get_group(self, folder, name):
        rules = [rule for rule in self.rules.values() if (rule["folderUID"], rule["ruleGroup"]) == (folder, name)]
        if not rules:
            raise Refusal(404, {"message": "rule group not found"})
        return 200, {"title": name, "folderUid": folder, "interval": self.intervals[folder, name], "rules": rules}

    def put_group(self, folder, name, body):
        if body["interval"] % 10:
            raise Refusal(400, {"message": "interval should be a multiple of 10 seconds"})
        assert "rules" not in body, "would replace them"
        self.intervals[folder, name] = body["interval"]
        return 200, body

    routes: ClassVar = {
        "GET /api/health": health,
        "GET /api/plugins/([^/]+)/settings": get_plugin,
        "GET /api/folders": get_folders,
        "GET /api/folders/([^/]+)": get_folder,
        "POST /api/folders": post_folder,
        "PUT /api/folders/([^/]+)": put_folder,
        "GET /api/datasources/uid/([^/]+)": get_data_source,
        "GET /api/datasources/uid/([^/]+)/health": data_source_health,
        "PUT /api/datasources/uid/([^/]+)": put_data_source,
        "POST /api/datasources": post_data_source,
        "GET /api/dashboards/uid/([^/]+)": get_dashboard,
        "DELETE /api/dashboards/uid/([^/]+)": delete_dashboard,
        "POST /api/dashboards/db": post_dashboard,
        "GET /api/search": search,
        "GET /api/v1/provisioning/alert-rules": get_rules,
        "POST /api/v1/provisioning/alert-rules": post_rule,
        "GET /api/v1/provisioning/alert-rules/([^/]+)": get_rule,
        "PUT /api/v1/provisioning/alert-rules/([^/]+)": put_rule,
        "DELETE /api/v1/provisioning/alert-rules/([^/]+)": delete_rule,
        "GET /api/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)": get_group,
        "PUT /api/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)": put_group,
    }

    def take_fault(self, method, path):
        """Return the first fault that is meant for this request, and forget it."""
        for fault in self.faults:
            if fault.method == method and re.search(fault.path, path):
                self.faults.remove(fault)
                return fault
        return None

    def respond(self, method, target, headers, content):
        """Return status, headers and content; None cuts the connection."""
        parts = urlsplit(target)
        with self._lock:
            self.requests.append(f"{method} {parts.path}")
            fault = self.take_fault(method, parts.path)
            if fault is None or fault.after:
                answer = self._carry_out(method, parts, headers, content)
        if fault is None:
            return answer
        time.sleep(fault.delay_s)
        return None if fault.status is None else (fault.status, fault.headers, fault.body)

    def _carry_out(self, method, parts, headers, content):
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        try:
            self._check(method, parts.path, headers)
            self.skips_cache = headers.get("X-Grafana-NoCache") == "true"
            status, body = self.answer(method, parts.path, query, json.loads(content) if content else None)
        except Refusal as refusal:
            status, body = refusal.args
            return status, {}, json.dumps(body).encode()  # null where Grafana has nothing to say
        return status, {}, b"" if body is None else json.dumps(body).encode()

    def _check(self, method, path, headers):
        if path != "/api/health" and headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, {"message": "Invalid API key", "messageId": "api-key.invalid"})
        for beginning, permission in self.forbidden.items():
            if path.startswith(beginning) and method != "GET":
                said = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
                raise Refusal(403, {"accessErrorId": "ACE1", "message": said, "title": "Access denied"})


@contextmanager
def serving(server):
    """Serve, under the server's `url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def log_message(self, *_arguments):
            pass

        def handle_one(self):
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = server.respond(self.command, self.path, self.headers, content)
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815  http.server's names

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
