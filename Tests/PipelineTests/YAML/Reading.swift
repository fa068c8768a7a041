@testable import LocatedYAML
@testable import Pipeline

/// A text that was read as YAML, and interpolated where there are variables.
struct Reading {
    let source: SourceFile
    let node: Node?
    let diagnostics: Diagnostics

    init(_ text: String, limits: YAMLReader.Limits = .init(), variables: [String: String]? = nil) {
        source = SourceFile(path: "f.yaml", text: text)
        var diagnostics = Diagnostics(source: source)
        var node = YAMLReader.read(source, limits: limits, words: PipelineWords.format, into: &diagnostics)
        if let raw = node, let variables {
            node = Interpolation.apply(
                to: raw, environment: Environment(process: variables), words: PipelineWords.format, into: &diagnostics)
        }
        self.node = node
        self.diagnostics = diagnostics
    }

    /// All diagnostics as people read them.
    var report: String {
        diagnostics.sorted.map { DiagnosticFormatter.text($0, source: source) }.joined(separator: "\n")
    }

    var codes: [String] { diagnostics.sorted.map(\.code.rawValue) }

    /// What the file has where a node is said to be.
    func written(_ node: Node?) -> String? {
        node.map { String(source[bytes: source.bytes(of: $0.range)]) }
    }
}

extension Node {
    /// The tree in one line: mappings in braces, lists in brackets, scalars in quotes.
    var outline: String {
        switch content {
        case .scalar(let scalar): "'\(scalar.text)'"
        case .sequence(let elements): "[" + elements.map(\.outline).joined(separator: ", ") + "]"
        case .mapping(let entries):
            "{" + entries.map { "\($0.key.outline): \($0.value.outline)" }.joined(separator: ", ") + "}"
        }
    }
}
