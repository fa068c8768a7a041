import Server
import Pipeline
import PipelineTesting
import Stages

/// Files that users write: what is wrong with one is said with its place, and what is good is built.
enum FileTarget {
    private static let loader = (try? Registry(stages: BuiltIn.stages, resources: BuiltIn.resources)).map {
        PipelineLoader(
            registry: $0, environment: Environment(),
            sections: ["host": HostSettings.self, TestSection.key: TestSection.self])
    }

    static func run(_ bytes: [UInt8]) {
        let source = SourceFile(path: "fuzzed.yaml", text: String(decoding: bytes, as: UTF8.self))
        guard let loaded = loader?.load(source) else { preconditionFailure("the built-in stages can't be registered") }
        let errors = loaded.diagnostics.filter { $0.severity == .error }
        precondition((loaded.file == nil) == !errors.isEmpty, "neither a chain nor an error, or both")
        for diagnostic in loaded.diagnostics {
            precondition(diagnostic.range != nil && !diagnostic.message.isEmpty, "no place: \(diagnostic)")
            precondition(!DiagnosticFormatter.text(diagnostic, source: source).isEmpty, "nothing to show")
        }
    }

    static func runEnvironment(_ bytes: [UInt8]) {
        let source = SourceFile(path: ".env", text: String(decoding: bytes, as: UTF8.self))
        var diagnostics = Diagnostics(source: source)
        let variables = DotEnv.parse(source, into: &diagnostics)
        precondition(variables.keys.allSatisfy { !$0.isEmpty }, "a variable without a name")
        precondition(diagnostics.sorted.allSatisfy { $0.range != nil }, "no place")
    }
}
