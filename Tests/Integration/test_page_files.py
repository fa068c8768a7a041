"""The pages' files as the host serves them: kept by browsers, compressed, and small."""

import gzip
import re
import urllib.error
import urllib.request

import pytest

from conftest import DEADLINE, ROOT

FILES = ROOT / "Sources/CPages/files"
ASSETS = sorted(file.name for file in FILES.rglob("*") if file.suffix in (".css", ".js", ".svg"))
TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@pytest.fixture
def host(serve):
    return serve("pipeline: p\nresources: {m: echo}\nstages: [receive, complete, respond]\n")


def get(host, path, method="GET", **fields):
    """The status, the header fields and the bytes of an answer."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    request = urllib.request.Request(host.http + path, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.mark.parametrize("path", ["/", *(f"/assets/{name}" for name in ASSETS)])
def test_a_file_comes_once_and_is_kept_until_it_changes(host, path):
    status, fields, plain = get(host, path)
    assert status == 200 and fields["X-Content-Type-Options"] == "nosniff" and fields["Cache-Control"] == "no-cache"
    assert fields["Vary"] == "Accept-Encoding" and fields["Content-Encoding"] is None
    assert fields["Content-Type"] == TYPES.get(path.rsplit(".", 1)[-1], "text/html; charset=utf-8")
    if path != "/":
        assert plain == next(FILES.rglob(path.split("/")[-1])).read_bytes()

    status, zipped_fields, zipped = get(host, path, Accept_Encoding="br, gzip;q=0.8, *;q=0.1")
    assert zipped_fields["Content-Encoding"] == "gzip" and gzip.decompress(zipped) == plain and len(zipped) < len(plain)
    assert zipped_fields["ETag"] != fields["ETag"], "two forms have two tags"

    for tag, asked in ((fields["ETag"], {}), (zipped_fields["ETag"], {"Accept_Encoding": "gzip"})):
        status, kept, body = get(host, path, If_None_Match=f'"other", W/{tag}', **asked)
        assert (status, body, kept["ETag"]) == (304, b"", tag)
        assert kept["Content-Length"] is kept["Transfer-Encoding"] is None and kept["Cache-Control"] == "no-cache"
    assert get(host, path, If_None_Match='"other"')[0] == 200


@pytest.mark.parametrize(("accepted", "is_zipped"), [
    ("gzip", True), ("GZIP", True), ("x-gzip", True), ("*", True), ("deflate, gzip;q=1.0", True), ("gzip;q=0", False),
    ("identity, gzip;q=0.5", False), ("br", False), ("*;q=0", False), ("gzip; q=0.000", False), ("", False), ("gzip;q=x", False)])
def test_it_is_compressed_where_the_client_takes_that(host, accepted, is_zipped):
    assert (get(host, "/assets/base.css", Accept_Encoding=accepted)[1]["Content-Encoding"] == "gzip") == is_zipped


def test_a_head_has_the_length_and_no_body(host):
    _, fields, body = get(host, "/assets/marked.js")
    status, head, nothing = get(host, "/assets/marked.js", method="HEAD")
    assert (status, nothing) == (200, b"")
    assert head["Content-Length"] == fields["Content-Length"] == str(len(body)) and head["ETag"] == fields["ETag"]


@pytest.mark.parametrize("path", ["/assets/", "/assets/none.js", "/assets/chat.html", "/assets/../chat.js", "/assets/vendor/marked.js",
                                  "/assets/%2e%2e/x", "/assets"])
def test_there_is_nothing_else_in_that_folder(host, path):
    assert get(host, path)[0] == 404


def test_who_may_have_them_is_the_rule_of_the_page(host, serve):
    assert get(host, "/assets/chat.js", Host="elsewhere.example")[0] == 403
    assert get(host, "/assets/chat.js", method="POST")[0] == 405
    keyed = serve("pipeline: p\nresources: {m: echo}\nhost: {auth: {keys: [k]}}\nstages: [receive, complete, respond]\n")
    assert get(keyed, "/assets/chat.js")[0] == get(keyed, "/")[0] == 200


def test_a_pipeline_can_not_have_a_path_there(run, tmp_path):
    (tmp_path / "p.yaml").write_text(
        "pipeline: p\nresources: {m: echo}\nstages: [receive: {path: /assets/chat}, complete, respond]\n")
    checked = run("check", "p.yaml")
    assert checked.returncode == 1 and "can't be /assets/chat: the host serves it" in checked.stderr


def test_the_policy_lets_nothing_in_or_out(host):
    policy = get(host, "/")[1]["Content-Security-Policy"]
    rules = {name: values for name, *values in (rule.split() for rule in policy.split(";"))}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == ["'none'"]
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == rules["img-src"] == ["'self'"]
    assert rules["require-trusted-types-for"] == ["'script'"] and rules["trusted-types"] == ["dompurify"]
    page = get(host, "/")[2].decode()
    assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))|<style|\sstyle=|\son\w+=|https?://", page)


def test_names_of_pipelines_end_no_element(serve):
    host = serve('pipeline: "</script><b>"\nresources: {m: echo}\nstages: [receive, complete, respond]\n', ends_well=False)
    page = get(host, "/")[2].decode()
    assert "</script><b>" not in page and r"\u003c/script>\u003cb>" in page


def test_the_pages_are_small():
    sizes = {file.name: file.stat().st_size for file in FILES.rglob("*") if file.suffix in (".css", ".js", ".svg", ".html")}
    assert sum(sizes.values()) <= 150_000, sizes


def test_what_is_of_others_names_its_licence_and_version():
    for name, text in (("marked", "MIT"), ("purify", "Apache License 2.0 or Mozilla Public License 2.0")):
        first = (FILES / f"vendor/{name}.js").read_text().split("\n", 1)[0]
        assert re.match(r"/\*! \w+ \d+\.\d+\.\d+, as Debian's node-\w+ \S+ has it; ", first) and text in first
