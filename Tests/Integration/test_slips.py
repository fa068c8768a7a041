"""What stops people who are new is said with its cure, before the first message; golden files have the rest of it."""

import json
import re
import socket

import pytest

from conftest import ROOT, wait_until

CHAT = ROOT / "pipelines/chat.yaml"
OFFLINE = """pipeline: t
resources: {model: echo}
stages:
  - receive
  - complete
  - respond
"""


def said(run, tmp_path, text, env=None):
    (tmp_path / "p.yaml").write_text(text)
    checked = run("check", "p.yaml", env=env)
    return checked, [line for line in checked.stderr.splitlines() if line.startswith("p.yaml:")]


def test_a_variable_that_is_not_set_is_named_by_check_and_by_serve(run, serve, tmp_path):
    checked = run("check", CHAT)
    (line,) = [line for line in checked.stderr.splitlines() if "warning" in line]
    assert checked.returncode == 0 and "chat.yaml:8:74: warning: the variable 'OPENAI_API_KEY' is not set" in line
    assert "OpenAI client not initialized" in line
    assert "is empty" in run("check", CHAT, env={"OPENAI_API_KEY": ""}).stderr
    assert run("check", CHAT, env={"OPENAI_API_KEY": "k"}).stderr == ""
    (problem,) = json.loads(run("check", "--format", "json", CHAT).stdout)
    assert (problem["code"], problem["severity"]) == ("missing_secret", "warning")
    host = serve(CHAT)
    wait_until(lambda: any("'OPENAI_API_KEY' is not set" in line for line in host.log), "the warning")
    assert [json.loads(line)["level"] for line in host.log if "OPENAI_API_KEY" in line] == ["warning"]


def test_a_key_that_nobody_gives_and_an_address_that_leads_nowhere_are_warnings(run, tmp_path):
    text = OFFLINE.replace("{model: echo}", "{model: openai, database: {postgres: {url: 'postgresql+asyncpg://h/d'}}}")
    text = text.replace("  - respond", "  - persist\n  - respond")
    checked, lines = said(run, tmp_path, text)
    assert checked.returncode == 0 and len(lines) == 2
    assert lines[0].startswith("p.yaml:2:20: warning: resource 'model' has no key")
    assert lines[1].startswith("p.yaml:2:") and "'postgresql+asyncpg://' names a driver" in lines[1]
    # A variable that is used literally is no address either: one mistake.
    _, lines = said(run, tmp_path, text.replace("'postgresql+asyncpg://h/d'", "$DATABASE_URL").replace(": openai", ": echo"))
    assert len(lines) == 1 and 'a variable is written "${DATABASE_URL}"' in lines[0]


@pytest.mark.parametrize(("host", "cure"), [
    ("{port: 8000}", "'serve FILE --port 8000'"), ("{bind: 0.0.0.0}", "'serve FILE --host 0.0.0.0'"),
    ("0.0.0.0", "'serve FILE --host 0.0.0.0'"), ("{cors_origins: []}", "did you mean 'origins'?"),
    ("{ssl: {}}", "did you mean 'tls'?"), ("{origins: 'https://a.example'}", 'write ["https://a.example"]'),
    ("{origins: ['*']}", "each origin is named"), ("{origins: ['https://a.example/']}", "write https://a.example"),
    ("{tls: {cert: a.pem, key: b.pem}}", "did you mean 'certificate'?"),
    ("{origins: ['https://a.example/app']}", "write https://a.example, without a path"),
    ("{trusted_proxies: [localhost]}", "write 127.0.0.1"), ("{trusted_proxies: ['*']}", "there is no '*'"),
    ("{trusted_proxies: ['127.0.0.1:80']}", "write 127.0.0.1, without a port"),
    ("{trusted_proxies: [10.1.*.*]}", "write 10.1.0.0/16"), ("{trusted_proxies: [nginx]}", "names are not looked up"),
    ("{connections_per_address: 5}", "write it inside 'limits', as in limits: {connections_per_address: …}"),
    ("{certificate: a.pem}", "write it inside 'tls'"), ("{jwt: {secret: a}}", "write it inside 'auth'"),
    ("{limits: {requests_per_second: 5}}", "'frames_per_second' limits the messages of a connection"),
    ("{auth: {keys: secret}}", "put it in brackets"), ("{limits: {message: 64k}}", "write 64KiB")])
def test_what_other_servers_have_in_their_settings(run, tmp_path, host, cure):
    checked, lines = said(run, tmp_path, f"host: {host}\n{OFFLINE}")
    assert checked.returncode == 1 and len(lines) == 1 and cure in lines[0]
    assert ": error: " in lines[0]


def test_a_port_that_is_taken_is_said_in_words(run, tmp_path):
    (tmp_path / "p.yaml").write_text(OFFLINE)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        served = run("serve", "p.yaml", "--port", port)
    assert served.returncode == 1 and f"can't listen on 127.0.0.1:{port}: the address is in use" in served.stderr
    assert "--port 0" in served.stderr and "errno" not in served.stderr and "bind(" not in served.stderr
    nowhere = run("serve", "p.yaml", "--host", "192.0.2.1", "--insecure", "--port", 0)
    assert nowhere.returncode == 1 and "this machine has no such address" in nowhere.stderr


@pytest.mark.parametrize(("arguments", "cure"), [
    (["chek", "p.yaml"], "did you mean 'check'?"), (["p.yaml"], "did you mean 'serve p.yaml'?"),
    (["run", "p.yaml"], "did you mean 'serve'?"), (["validate", "p.yaml"], "did you mean 'check'?"),
    (["frobnicate"], "there are: serve, work, check,"), (["serve", "p.yaml", "--reload"], "did you mean '--watch'?"),
    (["serve", "p.yaml", "-p", "8000"], "did you mean '--port'?"), (["check", "p"], "did you mean 'p.yaml'?"),
    (["stages", "reply"], "did you mean 'respond'?"), (["stages", "frobnicate"], "there are: attempt,")])
def test_unknown_commands_and_options(run, tmp_path, arguments, cure):
    (tmp_path / "p.yaml").write_text(OFFLINE)
    done = run(*arguments)
    assert done.returncode in (1, 64) and done.stdout == "" and cure in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_modifiers_and_the_section_of_the_host_have_pages(run):
    for name, text in (("async", "when_full: one of wait"), ("retry", "attempts: integer from 1 to 100"),
                       ("when", "starts_with"), ("timeout", "30s"), ("label", "metrics"), ("on_error", "continue"),
                       ("host", "trusted_proxies")):
        page = run("stages", name)
        assert page.returncode == 0 and name in page.stdout.splitlines()[0] and text in page.stdout


@pytest.mark.parametrize(("level", "said"), [("loud", "there are: trace, debug"), ("warn", "did you mean 'warning'?")])
def test_an_unknown_log_level_is_said(serve, level, said):
    host = serve(OFFLINE, env={"LOG_LEVEL": level})
    wait_until(lambda: any("LOG_LEVEL" in line for line in host.log), "the warning")
    (entry,) = [entry for entry in map(json.loads, list(host.log)) if "LOG_LEVEL" in entry]
    assert (entry["level"], entry["LOG_LEVEL"]) == ("warning", level) and said in entry["message"]


def test_a_warning_and_what_is_said_of_the_queue_agree(run, tmp_path):
    text = OFFLINE.replace("{model: echo}", "{model: echo, database: {sqlite: {path: a.db}}, outbox: {disk: {path: o.db}}}")
    checked, (line,) = said(run, tmp_path, text + "  - persist:\n    async: {queue: outbox}\n")
    assert "warning" in line and "loses an answered message" in line
    assert "a process killed between the answer and the queue loses that message" in checked.stdout


def test_explain_says_times_as_people_do_and_bounds_what_has_a_bound(run, tmp_path):
    text = OFFLINE.replace("{model: echo}", "{model: echo, database: {postgres: {url: 'postgres://h/d', timeout: 5s}}}")
    text = text.replace("  - complete", "  - limit: {per: address, messages: 9, tokens: 100, every: 90s}\n  - recall\n"
                        "  - complete: {timeout: 40500ms}\n    retry: {attempts: 2, backoff: 1s, max_backoff: 500ms}\n"
                        "  - persist")
    (tmp_path / "p.yaml").write_text(text)
    said = run("explain", "p.yaml").stdout
    # 5 s for each of the three looks at the database, two calls and a pause.
    assert "\n  1m 36s 500ms\n" in said and "takes 9 messages in 1m 30s per address" in said
    assert "limit: the client waits, at most 5s" in said and "recall: the client waits, at most 5s" in said
    assert "while answers to earlier messages of the same user are on their way" in said
    assert "nothing bounds it" not in said and not re.search(r"\b\d{4,}ms|\b[6-9]\ds\b", said.split("What can be lost")[0])


SECRET = "sk-live-4711"


@pytest.mark.parametrize(("resource", "problem"), [
    (f"{{openai: {{key: “{SECRET}”}}}}", "'key' of resource 'model' are typographic, and part of it"),
    (f"{{openai: {{key: '{{{{{SECRET}}}}}'}}}}", "'{{…}}' is used literally by 'key' of resource 'model'"),
    (f"\n    openai:\n      key: {SECRET},", "the ',' at the end of 'key' of resource 'model' is part of it"),
    (f"{{openai: {{key={SECRET}}}}}", "unknown setting 'key=…' of resource 'model': YAML has ':' in place of '='; write 'key: …'"),
    (f"{{openai: {{key:{SECRET}}}}}", "a space is missing after the ':'; write 'key: …'"),
    (f"{{openai: {{api_key={SECRET}}}}}", "'api_key=…' has no value"),
    (f"{{openai: {{key {SECRET}}}}}", "'key …' has no value"),
    (f"{{openai: {{key: a,{SECRET}}}}}", "a comma ends the value of 'key': put a text with commas in quotes"),
    (f"{{openai: {{api_key: {SECRET}}}}}", "did you mean 'key'?"),
    (f"{{postgres: {{password: {SECRET}}}}}", "'url: postgresql://USER:PASSWORD@HOST:5432/DATABASE'"),
    (f"{{openai: key={SECRET}}}", "not a string; write 'key: …'"), (f"{{openai: {SECRET}}}", "not a string; write {key: …}")])
def test_a_literal_secret_is_never_printed(run, serve, tmp_path, resource, problem):
    text = f"pipeline: t\nresources:\n  model: {resource}\n" + OFFLINE[OFFLINE.index("stages"):]
    checked, lines = said(run, tmp_path, text)
    assert len(lines) == 1 and problem in lines[0]
    printed = checked.stdout + checked.stderr + run("check", "--format", "json", "p.yaml").stdout
    if checked.returncode == 0:
        host = serve(text)
        wait_until(lambda: any(problem in json.loads(line)["message"] for line in host.log), "the warning")
        printed += "".join(host.log)
    else:
        served = run("serve", "p.yaml", "--port", 0)
        assert served.returncode == 1 and problem in served.stderr
        printed += served.stdout + served.stderr
    assert SECRET not in printed


@pytest.mark.parametrize("auth", [f"{{keys: {SECRET}}}", SECRET, f"{{keys: [{SECRET};]}}"])
def test_a_literal_key_of_a_client_is_never_printed(run, tmp_path, auth):
    checked, lines = said(run, tmp_path, f"host:\n  auth: {auth}\n{OFFLINE}")
    assert lines and ("not a string" in lines[0] or "the ';' at the end of" in checked.stderr)
    assert SECRET not in checked.stdout + checked.stderr


def test_what_is_for_others_to_read_is_no_slip(run, tmp_path):
    text = OFFLINE.replace("  - complete", """  - complete: {extra: {chat_template: "{% for m in messages %}{{ m.content }}{% endfor %}", stop_at: $STOP, all: ["~/", "{{x}}"]}}
  - log:
    when: {prompt: {equals: $HELP, one_of: [$STOP, "{{x}}", “a”], starts_with: "~/"}}
  - exec:
      command: [env, docker, ps, --format, "{{.Names}}", ;]
      settings: {template: "{{ m.content }}", end: ;}""")
    checked, lines = said(run, tmp_path, text)
    assert (checked.returncode, lines) == (0, [])
    # Where it is no variable's name, none is offered.
    _, (line,) = said(run, tmp_path, OFFLINE.replace("  - complete", '  - complete: {model: "{{.*}}"}'))
    assert line.endswith("which takes no fields of the message")
