"""Stages that hold stages: other ways for other messages, several at once, another where one fails, groups behind a queue."""

import json
import time

import pytest

from conftest import DEADLINE, ROOT, metrics, receive, receive_json, wait_until

HEAD = "pipeline: t\nresources:\n  m: {echo: {}}\n  db: {sqlite: {path: data/stagecoach.db}}\n"


def pipeline(stages, head=HEAD):
    return head + "stages:\n  - receive\n" + stages


@pytest.fixture
def ask(serve):
    """Serves stages between `receive` and the end; returns what a client hears for each prompt."""

    def start(stages, *prompts, head=HEAD, env=None):
        host = serve(pipeline(stages, head), env=env)
        heard = []
        with host.connect("format=json") as client:
            receive_json(client)
            for prompt in prompts:
                client.send(json.dumps({"prompt": prompt}))
                frame = receive_json(client)
                heard.append(frame.get("response") or frame["error"]["code"])
        return heard, host

    return start


def test_the_shipped_route_goes_other_ways_for_other_messages(serve):
    host = serve(ROOT / "pipelines/route.yaml")
    with host.connect("username=ada") as client:
        for prompt, answer in (("/help me", "Ask me anything, ada."), ("hello", "hello")):
            client.send(prompt)
            assert receive(client) == answer
    rows = host.wait_for_rows(2)
    assert [row["response"] for row in rows] == ["Ask me anything, ada.", "hello"]
    assert sum('"message":"kept"' in line for line in host.log) == 1


def test_the_first_case_that_matches_is_the_one(ask):
    stages = """
  - route:
      - when: {prompt: {starts_with: "/a"}}
        stages: [{transform: {completion: "first"}}]
      - when: {prompt: {starts_with: "/"}, session.username: {present: true}}
        stages:
          - route:
              - when: {prompt: {matches: "b$"}}
                stages: [{transform: {completion: "inner"}}]
              - stages: [{transform: {completion: "second"}}]
      - stages: [complete]
  - respond
"""
    assert ask(stages, "/a", "/c", "/b", "x")[0] == ["first", "second", "inner", "x"]


def test_where_a_stage_fails_catch_answers_and_the_log_has_one_entry(ask):
    head = HEAD.replace("{echo: {}}", "{echo: {fail: [model_unavailable, ok]}}")
    stages = """
  - attempt:
      - transform: {prompt: "changed {{prompt}}"}
      - complete
    catch:
      - transform: {completion: "{{prompt}}: {{error.code}} in {{error.stage}}, {{error.message}}"}
  - respond
"""
    heard, host = ask(stages, "one", "two", head=head)
    assert heard == ["one: model_unavailable in complete, The model is not available", "changed two"]
    assert len(host.entries("model_unavailable")) == 1


def test_branches_run_at_the_same_time_and_are_joined(ask):
    head = HEAD.replace("{echo: {}}", "{echo: {delay: 700ms}}")
    stages = """
  - parallel:
      - - complete: {prompt: "one {{prompt}}"}
        - transform: {first: "{{completion}}"}
      - - transform: {metadata.topic: weather}
      - - attempt: [{log: {}}]
          catch: [{log: {}, label: never}]
  - transform: {completion: "{{first}} about {{metadata.topic}}"}
  - respond
"""
    assert ask(stages, "x", head=head)[0] == ["one x about weather"]


@pytest.mark.alone
def test_two_models_at_once_take_as_long_as_one(serve):
    head = "pipeline: t\nresources:\n  a: {echo: {delay: 1s}}\n  b: {echo: {delay: 1s}}\n"
    stages = """
  - parallel:
      - [{complete: {resource: a}}]
      - - background: [{complete: {resource: b}, label: aside}]
        - transform: {other: "{{prompt}}"}
  - respond
"""
    host = serve(pipeline(stages, head))
    with host.connect() as client:
        begun = time.monotonic()
        client.send("x")
        assert receive(client) == "x"
        assert 0.9 < time.monotonic() - begun < 1.9


def test_an_error_inside_names_the_stage_inside_and_counts_there(serve):
    head = HEAD.replace("{echo: {}}", "{echo: {fail: [model_timeout]}}")
    stages = """
  - route:
      - stages:
          - complete:
            label: deep
  - respond
"""
    host = serve(pipeline(stages, head))
    with host.connect("format=json") as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "x"}))
        assert receive_json(client)["error"]["stage"] == "deep"
    counts = metrics(host)
    assert 'stagecoach_stage_errors_total{pipeline="t",stage="deep",code="model_timeout"} 1' in counts
    assert 'stagecoach_stage_received_total{pipeline="t",stage="route"} 1' in counts


def test_a_message_that_is_cancelled_ends_inside_and_is_not_caught(serve, ai):
    head = f"pipeline: t\nresources:\n  m: {{openai: {{url: '{ai.url}', key: k}}}}\n"
    stages = """
  - attempt:
      - parallel: [[complete], [log]]
    catch:
      - transform: {completion: "caught"}
  - respond
"""
    host = serve(pipeline(stages, head))
    ai.script = ["hang"]
    with host.connect("format=json") as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "x", "id": "c-1"}))
        assert ai.arrived.acquire(timeout=DEADLINE)
        client.send(json.dumps({"type": "cancel", "id": "c-1"}))
        assert receive_json(client)["error"]["code"] == "cancelled"
    assert ai.closed_by_client.wait(timeout=DEADLINE)


def test_a_timeout_beside_a_composite_ends_all_of_it(ask):
    head = HEAD.replace("{echo: {}}", "{echo: {delay: 30s}}")
    stages = """
  - route:
      - stages: [complete]
    timeout: 200ms
    on_error:
      - transform: {completion: "{{error.code}}"}
  - respond
"""
    assert ask(stages, "x", head=head)[0] == ["timeout"]


def test_what_waits_behind_a_group_is_stored_before_the_host_stops(serve):
    stages = """
  - complete
  - background:
      stages:
        - transform: {completion: "kept: {{completion}}"}
        - persist
        - background: [{log: {text: written}}]
  - respond
"""
    host = serve(pipeline(stages))
    with host.connect() as client:
        for number in range(20):
            client.send(str(number))
            assert receive(client) == str(number)
    assert host.stop() == 0
    assert [row["response"] for row in host.rows()] == [f"kept: {number}" for number in range(20)]
    assert sum('"message":"written"' in line for line in host.log) == 20


def test_a_group_on_disk_survives_a_killed_process(serve):
    head = HEAD + "  outbox: {disk: {path: data/outbox.db}}\n"
    stages = """
  - complete
  - background: {stages: [{transform: {completion: "kept: {{completion}}"}}, persist], queue: outbox}
  - respond
"""
    host = serve(pipeline(stages, head), ends_well=False)
    with host.connect() as client:
        for number in range(50):
            client.send(str(number))
            receive(client)
    host.process.kill()
    host.process.wait()
    again = serve(pipeline(stages, head))
    rows = again.wait_for_rows(50)
    assert [row["response"] for row in rows] == [f"kept: {number}" for number in range(50)]


def test_a_changed_file_takes_over_with_what_waits_in_a_group(serve, tmp_path):
    import signal
    head = HEAD + "  slow: {echo: {delay: 300ms}}\n"
    stages = """
  - complete: {resource: m}
  - route:
      - stages:
          - background:
              - complete: {resource: slow}
                label: think
              - persist
  - respond
"""
    host = serve(pipeline(stages, head))
    with host.connect() as client:
        for number in range(5):
            client.send(str(number))
            receive(client)
        changed = stages.replace("  - route:\n", "  - log: {text: new}\n  - route:\n")
        (tmp_path / "pipeline-0.yaml").write_text(pipeline(changed, head))
        host.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any('"message":"Reloaded"' in line for line in host.log), "the new file")
        client.send("5")
        receive(client)
    wait_until(lambda: any('"message":"new"' in line for line in host.log), "a message on the new file")
    assert [row["prompt"] for row in host.wait_for_rows(6)] == [str(number) for number in range(6)]


def test_tokens_leave_from_inside(serve, ai):
    head = f"pipeline: t\nresources:\n  m: {{openai: {{url: '{ai.url}', key: k}}}}\n"
    stages = """
  - attempt:
      - route:
          - stages: [{complete: {stream: true}}]
    catch:
      - transform: {completion: "sorry"}
  - respond: {stream: true}
"""
    host = serve(pipeline(stages, head))
    with host.connect("format=json") as client:
        receive_json(client)
        client.send(json.dumps({"prompt": "one two three"}))
        frames = [receive_json(client)]
        while frames[-1]["type"] == "delta":
            frames.append(receive_json(client))
    assert len(frames) > 1 and frames[-1]["type"] == "response"
    assert "".join(frame["text"] for frame in frames[:-1]) == frames[-1]["response"] == "one two three"


def test_what_is_written_wrong_inside_is_reported_at_its_place(run, tmp_path):
    (tmp_path / "p.yaml").write_text(pipeline(
        "  - route:\n      - when: {prompt: {starts_with: /}}\n        stages: [complete]\n  - respond\n"))
    result = run("check", "p.yaml")
    assert result.returncode == 1
    assert "p.yaml:10:5: error: stage 'respond' needs 'completion'" in result.stderr
    (tmp_path / "p.yaml").write_text(pipeline("  - complete: {prompt: \"{{promt}}\"}\n  - respond\n"))
    result = run("check", "p.yaml")
    assert "p.yaml:7:25: error:" in result.stderr and "did you mean 'prompt'?" in result.stderr


def test_composites_are_listed_drawn_and_explained(run):
    file = ROOT / "pipelines/route.yaml"
    overview = run("stages").stdout
    for name in ("route", "parallel", "attempt", "background", "transform"):
        assert f"\n  {name} " in overview
    page = run("stages", "background").stdout
    assert "stages: list of stages" in page and "queue: name of a resource" in page and "- background:" in page
    assert "otherwise:" in run("graph", file).stdout and "when_full" not in run("explain", file).stdout
    assert "'background' runs behind a queue in memory" in run("check", file).stdout
