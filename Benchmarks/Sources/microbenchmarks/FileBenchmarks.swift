import CYAML
import Pipeline
import Stages

/// Checking a pipeline file of 500 lines, beside libyaml's bare pass over its events.
enum FileBenchmarks {
    static func all() throws -> [Microbenchmark] {
        let text = longFile
        let loader = PipelineLoader(
            registry: try Registry(stages: BuiltIn.stages, resources: BuiltIn.resources), environment: Environment())
        let problems = loader.load(SourceFile(path: "long.yaml", text: text)).diagnostics
        precondition(problems.isEmpty, "\(problems)")
        let settings = SourceFile(path: "settings.yaml", text: "{model: gpt-4o, timeout: 20s}")
        var diagnostics = Diagnostics(source: settings)
        let node = YAMLReader.read(settings, into: &diagnostics)
        return [
            Microbenchmark(name: "libyaml") { count in
                for _ in 0..<count { precondition(events(of: text) > 1_000) }
            },
            Microbenchmark(name: "check", baseline: "libyaml") { count in
                for _ in 0..<count {
                    precondition(loader.load(SourceFile(path: "long.yaml", text: text)).file != nil)
                }
            },
            Microbenchmark(name: "settings") { count in
                var reader = SettingReader(source: settings)
                for _ in 0..<count { precondition(node.flatMap { Quiet.read($0, with: &reader) } != nil) }
            },
        ]
    }

    /// Stages as people write them, down the page.
    private static var longFile: String {
        let head = """
            # A long file.
            pipeline: long
            resources:
              model: echo
              database:
                sqlite: {path: data/long.db}
            stages:
              - receive: {path: /ws}
              - complete: {model: gpt-3.5-turbo, timeout: 30s}

            """
        let stages = (1...98).map { number in
            """
              - validate:
                  resources: [model, database]
                  max_length: \(number * 1_000)
                label: check-\(number)
                timeout: 5s

            """
        }
        return head + stages.joined() + "  - respond\n"
    }

    private static func events(of text: String) -> Int {
        var parser = yaml_parser_t()
        yaml_parser_initialize(&parser)
        defer { yaml_parser_delete(&parser) }
        var count = 0
        var text = text
        text.withUTF8 { bytes in
            yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
            var event = yaml_event_t()
            while yaml_parser_parse(&parser, &event) == 1 {
                let isEnd = event.type == YAML_STREAM_END_EVENT
                yaml_event_delete(&event)
                count += 1
                if isEnd { break }
            }
        }
        return count
    }
}

/// Two settings, as most stages have them.
private struct Quiet: SettingGroup {
    @Setting("The model.") var model = "gpt-3.5-turbo"
    @Setting("The deadline.") var timeout: Duration = .seconds(30)
}
