"""The JSON Schema of pipeline files beside `check`: a public validator and the program agree on what is wrong in structure."""

import json
import subprocess

import jsonschema
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from conftest import PIPELINES, ROOT, program

# What only a look at the whole file, at the environment or at the disk can show.
BEYOND_STRUCTURE = {
    "ambiguous_resource", "bad_file", "clash", "conflicting_branches", "duplicate_label", "interpolation_syntax", "late_queue",
    "misplaced_entry", "missing_entry", "missing_reply", "missing_resource", "reply_behind_queue", "streaming_off",
    "unknown_resource", "variable_not_set", "wiring", "wrong_resource",
}
# Values of the right type that their own reader refuses.
BEYOND_TYPES = {"bad_value"}

SHIPPED = PIPELINES + sorted((ROOT / "Examples").glob("exec-*/*.yaml"))
BROKEN = sorted((ROOT / "Tests/StagesTests/Broken").glob("*.yaml"))


@pytest.fixture(scope="module")
def schema():
    document = json.loads(subprocess.run([program(), "schema"], capture_output=True, text=True, check=True).stdout)
    jsonschema.Draft7Validator.check_schema(document)
    return document


def read(file):
    """The file as an editor's YAML 1.2 has it."""
    return YAML(typ="safe", pure=True).load(file.read_text())


def complaints(schema, value):
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_each_shipped_file_fits(schema, file):
    assert complaints(schema, read(file)) == []


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.stem)
def test_each_shipped_pipeline_names_its_schema(file):
    assert "\n# yaml-language-server: $schema=stagecoach.schema.json\n" in file.read_text()


def test_the_shipped_schema_is_what_the_program_prints(schema):
    assert json.loads((ROOT / "pipelines/stagecoach.schema.json").read_text()) == schema


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_schema_and_check_agree_on_each_broken_file(schema, run, file):
    found = json.loads(run("check", "--format", "json", file, env={"MODEL": "value"}).stdout)
    codes = {problem["code"] for problem in found if problem["severity"] == "error"}
    try:
        value = read(file)
    except (YAMLError, ValueError):
        assert any(code.startswith("yaml") or code in ("duplicate_key", "not_utf8") for code in codes)
        return
    if any(code.startswith("yaml") for code in codes):
        return
    said = complaints(schema, value)
    if codes - BEYOND_STRUCTURE - BEYOND_TYPES:
        assert said, f"check says {codes}"
    elif not codes & BEYOND_TYPES:
        assert not said, f"check says {codes}"


STAGES = "pipeline: p\nresources: {m: echo, d: {sqlite: {path: x}}, q: memory}\nstages:\n  - receive\n  - ENTRY\n  - respond\n"


@pytest.mark.parametrize("entry, fits", [
    ("complete", True), ("complete: {}", True), ("complete:", True), ("complete: {model: x, timeout: 30s}", True),
    ("complete: {temperature: 0.5, max_tokens: '${MAX}'}", True), ("complete: {timeout: '${TIME}'}", True),
    ("complete: {system: null, stop: [a, b], extra: {a: [1, {b: c}]}}", True),
    ("complete: {modle: x}", False), ("complete: {timeout: 30}", False), ("complete: {timeout: '30'}", False),
    ("complete: {temperature: 3}", False), ("complete: {temperature: warm}", False), ("complete: {model: 7}", False),
    ("complete: {stop: a}", False), ("complete: 7", False), ("complet", False), ("complete: {}\n    respond: {}", False),
    ("complete: {}\n    timeout: 5s\n    retry: {attempts: 3}\n    label: x", True),
    ("complete: {}\n    timeuot: 5s", False), ("complete: {}\n    retry: {attempts: 0}", False),
    ("complete: {}\n    when: {prompt: {longer_than: 5, matches: x}, metadata.a: {one_of: [1, b, true]}}", True),
    ("complete: {}\n    when: {prompt: {longer: 5}}", False), ("complete: {}\n    when: {}", False),
    ("complete: {}\n    on_error: continue", True), ("complete: {}\n    on_error: go", False),
    ("complete: {}\n    on_error: [complete, {log: {text: x}}]", True),
    ("complete: {}\n    on_error: [complet]", False),
    ("persist: {}\n    async: true", True), ("persist: {}\n    async: {queue: q, when_full: drop, retry: {}}", True),
    ("persist: {}\n    async: {when_full: dorp}", False), ("persist: {}\n    async: yes please", False),
    ("receive: {on_disconnect: {hold: 60s}}", True), ("receive: {on_disconnect: {held: 60s}}", False),
    ("route: [{when: {prompt: {starts_with: /}}, stages: [complete]}, {stages: [complete]}]", True),
    ("route: {cases: [{stages: [complete]}]}\n    label: x", True), ("route", False),
    ("route: [{when: {prompt: {starts_with: /}}}]", False), ("route: [{stages: [complet]}]", False),
    ("parallel: [[complete], [{transform: {metadata.a: x}}]]", True), ("parallel: [complete]", False),
    ("attempt: [complete]\n    catch: [{transform: {completion: sorry}}]", True), ("attempt: [complete]", False),
    ("attempt: {stages: [complete], catch: [{transform: {completion: sorry}}]}", True),
    ("complete: {}\n    catch: [complete]", False), ("attempt: [complet]\n    catch: [complete]", False),
    ("background: [complete, persist]", True), ("background: {stages: [complete], capacity: 5}", True),
    ("background: {stages: [complete], capacty: 5}", False), ("background: {capacity: 5}", False),
    ("transform: {prompt: 'x {{prompt}}', metadata.a: y}", True), ("transform: {}", False), ("transform: x", False),
    ("http: {url: 'https://a.example/{{prompt}}', method: POST, into: {completion: a.0.b}}", True),
    ("http: {uri: 'https://a.example'}", False), ("use: {with: {A: 1}}", False), ("use", False),
    ("exec: {command: [sh, -c, cat]}", True), ("exec: {comand: [sh]}", False), ("exec", False),
    ("exec: {command: [sh], settings: {a: [1, null, {b: true}]}, environment: {A: 1, B: x}, memory: 1GiB}", True),
    ("exec: {command: [sh], processes: 0}", False), ("exec: {command: sh}", False), ("exec: {command: [sh], writes: x}", False),
])
def test_schema_and_check_agree_on_an_entry(schema, run, tmp_path, entry, fits):
    file = tmp_path / "p.yaml"
    file.write_text(STAGES.replace("ENTRY", entry))
    said = complaints(schema, read(file))
    assert (said == []) == fits, said
    checked = json.loads(run("check", "--format", "json", file, env={"MAX": "7", "TIME": "5s"}).stdout)
    codes = {problem["code"] for problem in checked if problem["severity"] == "error"} - BEYOND_STRUCTURE
    assert (codes == set()) == fits, codes


@pytest.mark.parametrize("host, fits", [
    ("{limits: {connections: 5, ping: 10s}, auth: none}", True), ("{auth: {keys: [a, {key: b, user: c}]}}", True),
    ("{auth: {jwt: {secret: 01234567890123456789012345678901}}}", True), ("{drain: 30}", False), ("{limit: {}}", False),
    ("{auth: open}", False), ("{limits: {connections: 0}}", False), ("{auth: {keys: [{key: b}]}}", False),
])
def test_schema_and_check_agree_on_the_host_section(schema, run, tmp_path, host, fits):
    file = tmp_path / "p.yaml"
    file.write_text(STAGES.replace("ENTRY", "complete") + f"host: {host}\n")
    assert (complaints(schema, read(file)) == []) == fits
    assert (run("check", file).returncode == 0) == fits


def test_names_come_with_help_and_defaults(schema):
    complete = schema["definitions"]["stage.complete"]["properties"]
    assert complete["model"]["description"].startswith("The model's name at its API.")
    assert complete["timeout"]["default"] == "30s"
    entry = schema["definitions"]["stage"]["anyOf"][1]["properties"]
    assert entry["complete"]["description"] == "Asks a model for an answer to the prompt."
    assert "async" in entry and "on_error" in entry


@pytest.mark.custom_host
def test_a_custom_host_has_its_own_stages_in_it(run):
    document = json.loads(run("schema", variable="CUSTOM_HOST").stdout)
    assert document["definitions"]["stage.shout"]["properties"]["marks"]["default"] == 1
    file = ROOT / "Examples/CustomHost/shout.yaml"
    assert complaints(document, read(file)) == []
