extension Chain {
    /// Which messages a stage is for: tests on fields, all of which must hold.
    public struct Condition: Sendable {
        /// A test of one field's value. Texts are looked at as Unicode scalars, never as what they look like together.
        public enum Test: Sendable {
            /// The value is this one.
            case equals(JSONValue)
            /// The value is one of these.
            case oneOf([JSONValue])
            /// The regular expression matches somewhere in the value.
            case matches(Chain.Pattern)
            /// The value begins with this text.
            case startsWith(String)
            /// The value has more Unicode scalars than this.
            case longerThan(Int)
            /// Whether there is a value at all.
            case present(Bool)
        }

        /// A field, its test, and the value as the file has it; `nil` where it was not read from one.
        var clauses: [(path: FieldPath, test: Test, written: String?)] = []

        /// Holds for every message; add tests with ``and(_:_:)``.
        public init() {}

        /// A test of one field, named as in pipeline files: `prompt`, `session.username`, `metadata.KEY` …
        public init(_ field: String, _ test: Test) {
            clauses = [(FieldPath(field), test, nil)]
        }

        /// With one test more.
        public func and(_ field: String, _ test: Test) -> Chain.Condition { and(field, test, written: nil) }

        func and(_ field: String, _ test: Test, written: String?) -> Chain.Condition {
            var copy = self
            copy.clauses.append((FieldPath(field), test, written))
            return copy
        }

        func matches(_ message: Message) -> Bool {
            clauses.allSatisfy { $0.test.isMet(by: $0.path.value(in: message)) }
        }

        /// The fields that it looks at, each once.
        var fieldNames: [String] {
            var names: [String] = []
            for clause in clauses where !names.contains(clause.path.name) { names.append(clause.path.name) }
            return names
        }

        /// The fields that must be there for the tests to mean something.
        var requires: Fields {
            Fields(
                clauses.compactMap { clause in
                    if case .present = clause.test { nil } else { clause.path.field }
                })
        }
    }
}

extension Chain.Condition.Test {
    func isMet(by value: JSONValue?) -> Bool {
        switch self {
        case .present(let wanted): (value != nil && value != .null) == wanted
        case .equals(let wanted): value.map { isSame($0, wanted) } ?? false
        case .oneOf(let wanted): value.map { value in wanted.contains { isSame(value, $0) } } ?? false
        case .matches(let pattern): value?.text.map(pattern.matches) ?? false
        case .startsWith(let prefix): value?.text.map { $0.utf8.starts(with: prefix.utf8) } ?? false
        case .longerThan(let length): value?.text.map { $0.unicodeScalars.count > length } ?? false
        }
    }

    /// YAML's `5` is the same as a client's `5` and as a text field's `"5"`. Texts are compared scalar by scalar.
    private func isSame(_ value: JSONValue, _ wanted: JSONValue) -> Bool {
        guard let text = value.text, let wantedText = wanted.text else { return value == wanted }
        if text.isExactly(wantedText) { return true }
        if case .string = value { return false }
        return value == wanted
    }
}
