/// Collects what was found in one file.
public struct Diagnostics: Sendable {
    /// How many are kept. A file with more problems isn't made clearer by the rest, and a hostile one has a million.
    package static let limit = 200

    /// The file.
    public let source: SourceFile

    /// What was found, in the order of finding; at most 200, and a note where there were more.
    public private(set) var items: [Diagnostic] = []

    /// Whether an error is among what was found.
    public private(set) var hasErrors = false

    private var settled: Set<SourceRange> = []

    /// Nothing found in a file yet.
    public init(source: SourceFile) {
        self.source = source
    }

    /// What was found by place, what concerns the whole file first; the order of finding where the place is the same.
    public var sorted: [Diagnostic] {
        let beginning = SourceLocation(line: 0, column: 0)
        return items.enumerated().sorted { left, right in
            let (leftPlace, rightPlace) = (left.element.range?.start, right.element.range?.start)
            return (leftPlace ?? beginning, left.offset) < (rightPlace ?? beginning, right.offset)
        }.map(\.element)
    }

    /// Reports what makes the file unusable.
    ///
    /// - Parameters:
    ///   - code: What kind of problem it is; stable between versions.
    ///   - range: Where it is in the file.
    ///   - message: What is wrong, in a sentence without its full stop.
    ///   - suggestion: What to do about it.
    ///   - hidesLines: Whether the lines may hold a secret, and are not shown.
    public mutating func error(
        _ code: DiagnosticCode, at range: SourceRange, _ message: String, suggestion: String? = nil,
        hidesLines: Bool = false
    ) {
        add(.error, code, range, message, suggestion, hidesLines)
    }

    /// Reports what is allowed but perhaps not meant.
    ///
    /// - Parameters:
    ///   - code: What kind of problem it is; stable between versions.
    ///   - range: Where it is in the file.
    ///   - message: What is wrong, in a sentence without its full stop.
    ///   - suggestion: What to do about it.
    ///   - hidesLines: Whether the lines may hold a secret, and are not shown.
    public mutating func warning(
        _ code: DiagnosticCode, at range: SourceRange, _ message: String, suggestion: String? = nil,
        hidesLines: Bool = false
    ) {
        add(.warning, code, range, message, suggestion, hidesLines)
    }

    /// Adds what explains another diagnostic.
    public mutating func note(
        _ code: DiagnosticCode, at range: SourceRange, _ message: String, suggestion: String? = nil
    ) {
        add(.note, code, range, message, suggestion, false)
    }

    /// Says that the value at a place has its error already: what is reported there later follows from it and is left
    /// out.
    package mutating func settle(_ range: SourceRange) {
        settled.insert(range)
    }

    /// Whether the last report says only what is wrong, and not what to write.
    package var mayCureLast: Bool {
        guard let last = items.last else { return false }
        return last.suggestion == nil
            && (!last.message.contains("; ") || Diagnostics.examples.contains { last.message.contains($0) })
    }

    /// Adds to the last report what to write. That takes the place of an example.
    package mutating func cureLast(_ cure: String) {
        guard let last = items.popLast() else { return }
        let words = Diagnostics.examples.lazy.compactMap { last.message.firstRange(of: $0) }.first.map {
            last.message[..<$0.lowerBound]
        }
        items.append(
            Diagnostic(
                severity: last.severity, code: last.code, message: "\(words ?? last.message[...]); \(cure)",
                path: last.path, range: last.range, hidesLines: last.hidesLines))
    }

    /// How examples begin.
    private static let examples = ["; such as ", "; as in "]

    /// Whether further reports are only counted.
    package var isFull: Bool { items.count >= Diagnostics.limit }

    private mutating func add(
        _ severity: Diagnostic.Severity, _ code: DiagnosticCode, _ range: SourceRange, _ message: String,
        _ suggestion: String?, _ hidesLines: Bool
    ) {
        if settled.contains(range), !isFull { return }
        if severity == .error { hasErrors = true }
        guard !isFull else {
            if items.count == Diagnostics.limit {
                let more = "only the first \(Diagnostics.limit) problems are listed"
                items.append(Diagnostic(severity: .note, code: code, message: more, path: source.path, range: range))
            }
            return
        }
        items.append(
            Diagnostic(
                severity: severity, code: code, message: message, path: source.path, range: range,
                suggestion: suggestion, hidesLines: hidesLines))
    }
}
