"""A stand-in for the hub: as much of its HTTP interface as huggingface_hub 2.4 needs to look up, fetch and commit."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

TOKEN = "hf_stand_in_secret"
_LARGE = (".safetensors", ".pt", ".zip")


@dataclass
class Repository:
    """Files by commit; branches name commits."""

    private: bool = False
    gated: bool = False
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, files: dict[str, bytes], message: str = "") -> str:
        facts = f"{len(self.messages)} {branch} {message}"
        sha = hashlib.sha1(facts.encode() + b"".join(k.encode() + v for k, v in sorted(files.items()))).hexdigest()
        self.commits[sha], self.branches[branch] = dict(files), sha
        self.messages.append(message)
        return sha

    def files(self, branch: str = "main") -> dict[str, bytes]:
        return self.commits[self.branches[branch]]


class Hub:
    """Repositories by name, as in `models/org/name`; `requests` are the lines of all that came in."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.leaked = False  # whether a login reached another host
        self.refuse: dict[str, int] = {}  # status by the beginning of a request's line
        self.endpoint = ""

    @property
    def elsewhere(self) -> str:
        """Another host, as that of large files is: no login may reach it."""
        return self.endpoint.replace("127.0.0.1", "localhost")

    def repository(self, name: str, **facts: Any) -> Repository:
        self.repositories[name] = Repository(**facts)
        self.repositories[name].commit("main", {})
        return self.repositories[name]


@contextmanager
def hub_server(folder: Path, monkeypatch: pytest.MonkeyPatch, *, token: str | None = TOKEN) -> Iterator[Hub]:
    """A hub that huggingface_hub uses in this process, with a cache and a login of its own."""
    reason = "huggingface_hub or safetensors is not installed; pip install '.[hub]'"
    pytest.importorskip("safetensors", reason=reason)
    constants = pytest.importorskip("huggingface_hub.constants", reason=reason)

    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    with monkeypatch.context() as patched:
        for name, value in {"ENDPOINT": hub.endpoint, "HOME": str(folder / "home"), "HUB_DISABLE_XET": "1"}.items():
            patched.setenv(f"HF_{name}", value)
        for name in ("HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
            patched.delenv(name, raising=False)
        if token:
            patched.setenv("HF_TOKEN", token)
        importlib.reload(constants)
        try:
            yield hub
        finally:
            server.shutdown()
            server.server_close()
    importlib.reload(constants)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _answer(self) -> None:
        body = self._body()
        path = self.path.partition("?")[0]
        line = f"{self.command} {path}"
        self.hub.requests.append(line)
        for start, status in self.hub.refuse.items():
            if line.startswith(start):
                return self._send(status, b'{"error": "no"}')
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[0] == "api":
            return self._api(parts[1:], body)
        if parts[0] == "lfs":
            self.hub.objects[parts[1]] = body
            return self._send(200 if hashlib.sha256(body).hexdigest() == parts[1] else 400)
        if parts[0] == "cdn":
            self.hub.leaked |= "Authorization" in self.headers
            return self._send(200, self.hub.objects[parts[1]], {"ETag": f'"{parts[1]}"'})
        kind = parts.pop(0) if parts[0] in {"datasets", "spaces"} else "models"
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        return self._resolve(f"{kind}/{parts[0]}/{parts[1]}", parts[3], "/".join(parts[4:]))

    def _api(self, parts: list[str], body: bytes) -> None:  # noqa: PLR0911
        if parts == ["repos", "create"]:
            return self._create(json.loads(body))
        if parts == ["validate-yaml"]:
            return self._json({"errors": [], "warnings": []})
        name, action = "/".join(parts[:3]), parts[3:]
        repository = self._found(name)
        if repository is None:
            return None
        if not action or action[0] == "revision":
            commit = self._commit(repository, action[1] if action else "main")
            facts = {"id": name.partition("/")[2], "sha": commit, "private": repository.private}
            there = [{"rfilename": path} for path in repository.commits.get(commit or "", {})]
            return self._json({**facts, "siblings": there}) if commit else None
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(403, b'{"error": "this token cannot write"}')
        if action[0] == "preupload":
            modes = [(each["path"], each["path"].endswith(_LARGE)) for each in json.loads(body)["files"]]
            found = [
                {"path": p, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False} for p, large in modes
            ]
            return self._json({"files": [each | {"oid": self._oid(repository, action[1], each)} for each in found]})
        if action[0] == "branch":
            repository.branches.setdefault(action[1], repository.branches["main"])
            return self._json({})
        return self._add(name, action[1], body)

    def _oid(self, repository: Repository, branch: str, each: dict[str, Any]) -> str | None:
        content = repository.files(branch).get(each["path"])
        if content is None:
            return None
        blob = f"blob {len(content)}\0".encode() + content
        return hashlib.sha256(content).hexdigest() if each["uploadMode"] == "lfs" else hashlib.sha1(blob).hexdigest()

    def _create(self, wanted: dict[str, Any]) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, b'{"error": "Invalid username or password."}')
        name = f"{wanted.get('type', 'model')}s/{wanted['organization']}/{wanted['name']}"
        self.hub.repository(name, private=wanted.get("visibility") == "private")
        return self._json({"url": f"{self.hub.endpoint}/{name.removeprefix('models/')}"})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.hub.endpoint}/lfs/{each['oid']}"}}}
            for each in wanted["objects"]
        ]
        self._json({"objects": objects, "transfer": "basic"})

    def _add(self, name: str, branch: str, body: bytes) -> None:
        repository = self.hub.repositories[name]
        files, message = dict(repository.files(branch)), ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            else:
                files.pop(value["path"])
        sha = repository.commit(branch, files, message)
        self._json({"commitUrl": f"{self.hub.endpoint}/{name.removeprefix('models/')}/commit/{sha}", "commitOid": sha})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repository = self._found(name)
        commit = repository and self._commit(repository, revision)
        if repository is None or commit is None:
            return None
        head = {"X-Repo-Commit": commit}
        content = repository.commits[commit].get(path)
        if content is None:
            return self._send(404, b"", head | {"X-Error-Code": "EntryNotFound"})
        sha = hashlib.sha256(content).hexdigest()
        if path.endswith(_LARGE):
            self.hub.objects[sha] = content
            large = {"X-Linked-Etag": f'"{sha}"', "X-Linked-Size": str(len(content))}
            return self._send(302, b"", head | large | {"Location": f"{self.hub.elsewhere}/cdn/{sha}"})
        return self._send(200, content, head | {"ETag": f'"{sha[:40]}"'})

    def _found(self, name: str) -> Repository | None:
        """A repository that the login may see; else the answer is sent."""
        repository, known = self.hub.repositories.get(name), self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repository is not None and repository.gated:
            self._send(403, b"", {"X-Error-Code": "GatedRepo"})
            return None
        if repository is None or (repository.private and not known):
            self._send(404 if known else 401, b"", {"X-Error-Code": "RepoNotFound"} if known else {})
            return None
        return repository

    def _commit(self, repository: Repository, revision: str) -> str | None:
        """A commit of a revision; else the answer is sent."""
        commit = repository.branches.get(revision, revision)
        if commit in repository.commits:
            return commit
        self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        return None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
