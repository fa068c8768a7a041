"""What `new` writes; scripts/test also builds and tests the package of a stage."""

import pytest

from conftest import ROOT


@pytest.fixture
def new(run):
    return lambda kind, name, *arguments, **options: run("new", kind, name, *arguments, **options)


def written(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_new_pipeline_is_good_and_is_served(new, run, serve, tmp_path):
    assert new("pipeline", "support").returncode == 0
    assert written(tmp_path) == ["stagecoach.schema.json", "support.yaml"]
    text = (tmp_path / "support.yaml").read_text()
    assert "\n# yaml-language-server: $schema=stagecoach.schema.json\n" in text
    assert (tmp_path / "stagecoach.schema.json").read_text() == run("schema").stdout
    assert run("check", "support.yaml").stderr == ""
    with serve(text).connect() as client:
        client.send("hello")
        assert client.recv(timeout=10) == "hello"


def test_nothing_is_overwritten(new, tmp_path):
    (tmp_path / "support.yaml").write_text("mine")
    refused = new("pipeline", "support")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: 'support.yaml' is there already, and nothing is overwritten")
    assert written(tmp_path) == ["support.yaml"] and (tmp_path / "support.yaml").read_text() == "mine"
    (tmp_path / "shout/Sources/ShoutHost").mkdir(parents=True)
    (tmp_path / "shout/Sources/ShoutHost/Shout.swift").write_text("mine")
    assert "'shout/Sources/ShoutHost/Shout.swift' is there already" in new("stage", "Shout").stderr
    assert written(tmp_path / "shout") == ["Sources/ShoutHost/Shout.swift"]


def test_a_second_pipeline_keeps_the_schema_that_is_there(new, tmp_path):
    (tmp_path / "stagecoach.schema.json").write_text("{}")
    assert new("pipeline", "support").returncode == 0
    assert (tmp_path / "stagecoach.schema.json").read_text() == "{}"


@pytest.mark.parametrize("kind, name, way_out", [
    ("stage", "shout", "try 'Shout'"), ("stage", "word-count", "try 'WordCount'"), ("stage", "7up", "such as 'WordCount'"),
    ("stage", "", "such as 'WordCount'"), ("stage", "../Evil", "try 'Evil'"), ("stage", "Complete", "try 'MyComplete'"),
    ("stage", "Timeout", "try 'MyTimeout'"), ("stage", "Stage", "try 'MyStage'"), ("stage", "Größe", "no name for"),
    ("pipeline", "chat.yaml", "try 'chat'"), ("pipeline", "a/b", "try 'b', in the folder"), ("pipeline", "", "try 'chat'"),
    ("pipeline", "my chat", "try 'my-chat'"), ("pipeline", "-", "try 'chat'"),
])
def test_a_name_that_will_not_do_gets_a_way_out(new, tmp_path, kind, name, way_out):
    refused = new(kind, "--", name)
    assert refused.returncode == 1 and way_out in refused.stderr, refused.stderr
    assert written(tmp_path) == []


def test_a_new_stage_is_twelve_lines_in_a_package_of_its_own(new, tmp_path):
    said = new("stage", "WordCount", "--stagecoach", ROOT)
    assert said.returncode == 0 and f"from the folder {ROOT}" in said.stdout
    package = tmp_path / "word-count"
    assert written(package) == [
        ".gitignore", "Package.resolved", "Package.swift", "README.md", "Sources/WordCountHost/WordCount.swift",
        "Sources/WordCountHost/WordCountHost.swift", "Tests/WordCountHostTests/WordCountTests.swift", "word-count.yaml"]
    stage = (package / "Sources/WordCountHost/WordCount.swift").read_text()
    assert len(stage.splitlines()) <= 12 and 'static let name = "word_count"' in stage
    assert f'.package(name: "stagecoach", path: "{ROOT}")' in (package / "Package.swift").read_text()
    assert all(line in said.stdout for line in written(package))


def test_the_package_is_built_with_stagecoach_and_tested_with_its_kit(new, tmp_path):
    """Nothing is built twice: every command that is named shares the build of the clone, and its configuration."""
    said = new("stage", "WordCount", "--stagecoach", ROOT)
    package = tmp_path / "word-count"
    commands = [line.strip() for text in (said.stdout, (package / "README.md").read_text()) for line in text.splitlines()
                if line.strip().startswith("swift ")]
    shared = f"--configuration release --scratch-path {ROOT}/.build"
    test = shared.replace("release", "release --disable-testable-imports")
    assert commands[0] == f"swift test {test}" and len(commands) >= 7
    assert all(shared in command or command == commands[0] for command in commands)
    test = (package / "Tests/WordCountHostTests/WordCountTests.swift").read_text()
    assert 'StageTest("word_count: {marks: 3}", stages: [WordCount.self])' in test and "StageConformance.findings" in test
    assert '.product(name: "PipelineTesting", package: "stagecoach")' in (package / "Package.swift").read_text()
    assert "scratch" not in new("stage", "Other", "--stagecoach", "https://git.example/coach").stdout


def test_another_stage_of_the_package_shares_the_build_too(new, run, tmp_path):
    assert new("stage", "Shout", "--stagecoach", ROOT).returncode == 0
    package = tmp_path / "shout"
    for path in package.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(package)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    said = new("stage", "Whisper").stdout
    assert f"swift test --configuration release --disable-testable-imports --scratch-path {ROOT}/.build" in said and "PipelineTesting" not in said


def test_without_a_path_the_package_uses_the_sources_of_this_program(new, tmp_path):
    assert new("stage", "Shout").returncode == 0
    assert f'path: "{ROOT}"' in (tmp_path / "shout/Package.swift").read_text()


def test_a_repository_can_be_named(new, tmp_path):
    assert new("stage", "Shout", "--stagecoach", "https://git.example/them/coach.git").returncode == 0
    manifest = (tmp_path / "shout/Package.swift").read_text()
    assert '.package(url: "https://git.example/them/coach.git", branch: "main")' in manifest
    assert '.product(name: "Host", package: "coach")' in manifest


def test_a_folder_that_is_not_stagecoach_is_refused(new, tmp_path):
    refused = new("stage", "Shout", "--stagecoach", tmp_path)
    assert refused.returncode == 1 and "no folder with Stagecoach's sources" in refused.stderr


def in_package(package, new, name, host):
    (package / "Sources/Mine").mkdir(parents=True)
    (package / "Tests/MineTests").mkdir(parents=True)
    (package / "Package.swift").write_text('let package = Package(name: "mine")')
    (package / "Sources/Mine/Mine.swift").write_text(host)
    return new("stage", name)


@pytest.mark.parametrize("before, after", [
    ("[Shout.self]", "[Shout.self, Whisper.self]"), ("[]", "[Whisper.self]"),
    ("[\n        Shout.self,\n    ]", "[\n        Shout.self, Whisper.self,\n    ]"),
])
def test_in_a_host_the_stage_joins_its_list(new, tmp_path, before, after):
    host = "import Host\n\n@main struct Mine: StagecoachHost {\n    static let stages: [any Stage.Type] = LIST\n}\n"
    said = in_package(tmp_path, new, "Whisper", host.replace("LIST", before))
    assert (tmp_path / "Sources/Mine/Mine.swift").read_text() == host.replace("LIST", after), said
    assert (tmp_path / "Sources/Mine/Whisper.swift").exists()
    assert "@testable import Mine" in (tmp_path / "Tests/MineTests/WhisperTests.swift").read_text()
    assert "- whisper: {marks: 1}" in (tmp_path / "whisper.yaml").read_text()


@pytest.mark.parametrize("kind, types", [
    ("model", ["struct Oracle: Model"]), ("store", ["struct Oracle: RowStore", "RowStoreConformance"]),
    ("own", ["protocol OracleKind: Resource", "struct OracleReader: ImmediateStage", "@Uses"]),
])
def test_a_new_resource_has_a_test_and_a_pipeline_and_joins_the_host(new, run, tmp_path, kind, types):
    said = new("resource", "Oracle", "--kind", kind, "--stagecoach", ROOT)
    assert said.returncode == 0, said
    package = tmp_path / "oracle"
    text = "\n".join((package / path).read_text() for path in written(package) if path.endswith(".swift"))
    assert all(part in text for part in types), text
    host = (package / "Sources/OracleHost/OracleHost.swift").read_text()
    assert "static let resources: [any Resource.Type] = [Oracle.self]" in host
    assert ("OracleReader.self" in host) == (kind == "own")
    assert "oracle" in (package / "oracle.yaml").read_text()
    assert "a resource of its own, `oracle`" in (package / "README.md").read_text()
    assert f"swift test --configuration release" in said.stdout


def test_in_a_host_a_resource_joins_its_list_or_begins_one(new, tmp_path):
    host = "import Host\n\n@main struct Mine: StagecoachHost {\n    static let stages: [any Stage.Type] = [Shout.self]\n}\n"
    (tmp_path / "Sources/Mine").mkdir(parents=True)
    (tmp_path / "Package.swift").write_text('let package = Package(name: "mine")')
    file = tmp_path / "Sources/Mine/Mine.swift"
    file.write_text(host)
    assert new("resource", "Oracle").returncode == 0
    assert "StagecoachHost {\n    static let resources: [any Resource.Type] = [Oracle.self]\n" in file.read_text()
    assert new("resource", "Glossary", "--kind", "own").returncode == 0
    assert "[Oracle.self, Glossary.self]" in file.read_text() and "[Shout.self, GlossaryReader.self]" in file.read_text()


@pytest.mark.parametrize("name, way_out", [
    ("oracle", "try 'Oracle'"), ("Sqlite", "try 'MySqlite'"), ("Model", "try 'MyModel'"), ("Complete", "try 'MyComplete'"),
    ("7up", "no name for a resource"),
])
def test_a_resource_needs_a_name_that_is_free(new, tmp_path, name, way_out):
    refused = new("resource", name)
    assert refused.returncode == 1 and way_out in refused.stderr, refused.stderr
    assert written(tmp_path) == []


def test_in_a_host_without_a_list_it_says_the_line(new, tmp_path):
    said = in_package(tmp_path, new, "Whisper", "import Host\n\n@main struct Mine: StagecoachHost {}\n")
    assert "in Sources/Mine/Mine.swift: static let stages: [any Stage.Type] = [Whisper.self]" in said.stdout


def test_a_package_without_the_test_kit_is_told_the_line(new, tmp_path):
    said = in_package(tmp_path, new, "Whisper", "import Host\n\n@main struct Mine: StagecoachHost {}\n")
    assert "to the target 'MineTests' in Package.swift" in said.stdout
    assert '.product(name: "PipelineTesting", package: "stagecoach")' in said.stdout


def test_a_package_without_a_host_is_left_alone(new, tmp_path):
    refused = in_package(tmp_path, new, "Whisper", "print(1)\n")
    assert refused.returncode == 1 and "has no host" in refused.stderr
    assert written(tmp_path) == ["Package.swift", "Sources/Mine/Mine.swift"]


@pytest.mark.custom_host
def test_the_resources_that_new_wrote_are_in_its_host(run):
    """scripts/test adds one of each kind to the package of the new stage, and runs their tests."""
    listed = run("stages", variable="NEW_HOST").stdout
    assert all(f"\n  {name} " in listed for name in ("good_model", "good_store", "good_own", "good_own_reader")), listed


@pytest.mark.custom_host
def test_the_host_of_a_new_stage_has_it_and_answers_over_a_socket(new, run, serve, tmp_path):
    assert new("stage", "Shout").returncode == 0
    file = tmp_path / "shout/shout.yaml"
    assert "\n  shout " in run("stages", variable="NEW_HOST").stdout
    assert run("check", file, variable="NEW_HOST").returncode == 0
    example = run("stages", "shout", "--example", variable="NEW_HOST").stdout
    with serve(file, variable="NEW_HOST").connect() as client, serve(example, variable="NEW_HOST").connect() as other:
        for connection in (client, other):
            connection.send("hello")
            assert connection.recv(timeout=10) == "HELLO!"
