/// Puts variables in place of `${NAME}` and `${NAME:-default}` in the values of a file.
///
/// It works on the tree, so that a variable's value can't change the structure, and never looks for `${` in such a
/// value.
/// A default is taken where the variable is not set or empty; it may hold variables itself. `$${` is a literal `${`.
package enum Interpolation {
    /// How many bytes all the filled-in texts of a file may have together: 8 MiB.
    static let sizeLimit = 8 << 20

    /// The tree with variables filled in; keys stay as they are.
    ///
    /// Reports each malformed `${`, and each variable that is not set and has no default, at its place. Values with
    /// such an error keep their text, and nothing more is reported of them.
    ///
    /// - Parameters:
    ///   - node: The tree.
    ///   - environment: The variables.
    ///   - words: The words of the file's format.
    ///   - diagnostics: Where problems go.
    package static func apply(
        to node: Node, environment: Environment, words: FormatWords = FormatWords(), into diagnostics: inout Diagnostics
    ) -> Node {
        var interpolator = Interpolator(environment: environment, words: words, diagnostics: diagnostics)
        let result = interpolator.filled(node) ?? node
        diagnostics = interpolator.diagnostics
        return result
    }
}

private struct Interpolator {
    let environment: Environment
    let words: FormatWords
    var diagnostics: Diagnostics
    private var names: [String]?
    private var size = 0

    init(environment: Environment, words: FormatWords, diagnostics: Diagnostics) {
        self.environment = environment
        self.words = words
        self.diagnostics = diagnostics
    }

    /// The value with its variables filled in; `nil` where it has none.
    mutating func filled(_ node: Node) -> Node? {
        switch node.content {
        case .scalar(let scalar):
            guard scalar.text.holds(byte: UInt8(ascii: "$")) else { return nil }
            return Node(content: .scalar(fill(scalar, at: node.range)), range: node.range)
        case .sequence(let elements):
            return changed(elements) { $0.filled($1) }.map { Node(content: .sequence($0), range: node.range) }
        case .mapping(let entries):
            return changed(entries) { interpolator, entry in
                interpolator.filled(entry.value).map { Node.Entry(key: entry.key, value: $0) }
            }
            .map { Node(content: .mapping($0), range: node.range) }
        }
    }

    /// The elements, of which some are changed; `nil` where none is.
    private mutating func changed<Element>(
        _ elements: [Element], by change: (inout Interpolator, Element) -> Element?
    ) -> [Element]? {
        var result: [Element]?
        for index in elements.indices {
            guard let changed = change(&self, elements[index]) else { continue }
            if result == nil { result = elements }
            result?[index] = changed
        }
        return result
    }

    private mutating func fill(_ scalar: Scalar, at range: SourceRange) -> Scalar {
        let template: Template
        do throws(Template.Malformed) {
            template = try Template(scalar.written)
        } catch {
            report(.interpolationSyntax, error.message, at: error.ordinal, of: scalar, in: range)
            diagnostics.settle(range)
            return scalar
        }
        var filling = Filling()
        fill(template.parts, of: scalar, in: range, into: &filling)
        if filling.isBroken {
            diagnostics.settle(range)
            return scalar
        }
        return Scalar(
            filling.text, written: scalar.written, style: scalar.style, isInterpolated: filling.isInterpolated)
    }

    /// A text that grows.
    private struct Filling {
        var text = ""
        var isInterpolated = false
        var isBroken = false
    }

    private mutating func fill(
        _ parts: [Template.Part], of scalar: Scalar, in range: SourceRange, into filling: inout Filling
    ) {
        for part in parts where size <= Interpolation.sizeLimit {
            switch part {
            case .text(let text): append(text, in: range, to: &filling)
            case .variable(let variable):
                filling.isInterpolated = true
                let value = environment[variable.name]
                if let value, variable.fallback == nil || !value.isEmpty {
                    append(value, in: range, to: &filling)
                } else if let fallback = variable.fallback {
                    fill(fallback, of: scalar, in: range, into: &filling)
                } else {
                    filling.isBroken = true
                    let near = nearest(to: variable.name)
                    report(
                        .variableNotSet,
                        "the variable '\(variable.name)' is not set and has no default"
                            + (near == nil ? hint(for: variable.name) : ""),
                        at: variable.ordinal, of: scalar, in: range, suggestion: near)
                }
            }
        }
    }

    private func hint(for name: String) -> String {
        if name == "CREDENTIALS_DIRECTORY" {
            return "; systemd sets it for a service: to run a command as the service does, see 'Commands' in "
                + "docs/deploying.md"
        }
        let isField = words.fields.contains(name) || ["response", "message", "username"].contains(name)
        return isField
            ? "; a field of the message is written '{{\(name)}}'" : "; set it in the environment, or in the file .env"
    }

    /// Variables are short and files are small, but many of the one in the other are not.
    private mutating func append(_ text: String, in range: SourceRange, to filling: inout Filling) {
        size += text.utf8.count
        guard size > Interpolation.sizeLimit else {
            filling.text += text
            return
        }
        filling.isBroken = true
        diagnostics.error(
            .yamlTooLarge, at: range, "with its variables the file has more than \(Interpolation.sizeLimit) bytes")
    }

    private mutating func nearest(to name: String) -> String? {
        guard !diagnostics.isFull else { return nil }
        let known = names ?? environment.names
        names = known
        return Spelling.nearest(to: name, among: known)
    }

    private mutating func report(
        _ code: DiagnosticCode, _ message: String, at ordinal: Int, of scalar: Scalar, in range: SourceRange,
        suggestion: String? = nil
    ) {
        let place = diagnostics.isFull ? range : diagnostics.source.range(ofVariable: ordinal, of: scalar, in: range)
        diagnostics.error(code, at: place, message, suggestion: suggestion)
    }
}

extension SourceFile {
    /// Where a variable stands in the source of a scalar.
    ///
    /// Every `${` of the source is one of the text, but escapes can make more of them; then only the scalar's beginning
    /// is certain.
    fileprivate func range(ofVariable ordinal: Int, of scalar: Scalar, in range: SourceRange) -> SourceRange {
        var bytes = bytes(of: range)
        if scalar.style == .literal || scalar.style == .folded {
            // A comment may stand behind the block's `|`.
            bytes = index.prefix(from: bytes.lowerBound) { $0 != 0x0A && $0 != 0x0D }.upperBound..<bytes.upperBound
        }
        let written = Template.occurrences(in: Array(scalar.written.utf8))
        let found = Template.occurrences(in: bytes.map { index[$0] ?? 0 })
        guard found.count == written.count, found.indices.contains(ordinal) else { return SourceRange(at: range.start) }
        let start = index.location(ofOffset: bytes.lowerBound + found[ordinal].lowerBound)
        return SourceRange(start: start, end: index.location(ofOffset: bytes.lowerBound + found[ordinal].upperBound))
    }
}
