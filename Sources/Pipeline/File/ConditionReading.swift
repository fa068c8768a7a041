extension Chain.Condition: SettingValue {
    /// Fields and their tests.
    public static var settingType: SettingType { .other("mapping of fields to tests") }

    /// Reads `when:`, a mapping of fields to their tests, reporting everything that is wrong in it.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Chain.Condition? {
        guard let entries = node.entries, !entries.isEmpty else {
            reader.wrongType(
                node, expected: .other("mapping of fields to tests"), hint: "as in {prompt: {longer_than: 5}}")
            return nil
        }
        var condition = Chain.Condition()
        var isWhole = true
        for entry in entries {
            if let field = FieldPath(entry.name).field { reader.note(field, at: entry.key) }
            guard let tests = entry.value.entries, !tests.isEmpty else {
                let known = Test.names.joined(separator: ", ")
                reader.with(subject: "'\(entry.name)' in \(reader.subject)") {
                    let text = entry.value.scalar.flatMap {
                        $0.isInterpolated || $0.text.isEmpty ? nil : entry.value.flow
                    }
                    $0.wrongType(
                        entry.value, expected: .other("mapping of tests (\(known))"),
                        hint: text.map { "write {equals: \($0)}" })
                }
                isWhole = false
                continue
            }
            for test in tests {
                let read = reader.with(subject: "'\(test.name)' of '\(entry.name)' in \(reader.subject)") {
                    Test.read(test, with: &$0)
                }
                if let read {
                    condition = condition.and(entry.name, read, written: Chain.Condition.shown(test.value))
                } else {
                    isWhole = false
                }
            }
        }
        return isWhole ? condition : nil
    }
}

extension Chain.Condition.Test {
    package static let names = ["equals", "one_of", "matches", "starts_with", "longer_than", "present"]

    static func read(_ entry: Node.Entry, with reader: inout SettingReader) -> Chain.Condition.Test? {
        let node = entry.value
        // It holds what clients send, which may look like anything.
        for value in node.elements ?? [node] { reader.examined.insert(value.range) }
        switch entry.name {
        case "equals": return JSONValue.read(node, with: &reader).map(Chain.Condition.Test.equals)
        case "one_of": return [JSONValue].read(node, with: &reader).map(Chain.Condition.Test.oneOf)
        case "starts_with": return String.read(node, with: &reader).map(Chain.Condition.Test.startsWith)
        case "longer_than": return Int.read(node, with: &reader).map(Chain.Condition.Test.longerThan)
        case "present": return Bool.read(node, with: &reader).map(Chain.Condition.Test.present)
        case "matches":
            guard let expression = String.read(node, with: &reader) else { return nil }
            do throws(Chain.PatternProblem) {
                return .matches(try Chain.Pattern(expression))
            } catch {
                let place = error.range.flatMap { reader.diagnostics.source.range(of: $0, in: node) }
                reader.diagnostics.error(.badValue, at: place ?? node.range, "\(reader.subject) \(error)")
                return nil
            }
        default:
            let meant = Spelling.meant(by: entry.name, among: names)
            reader.diagnostics.error(
                .unknownTest, at: entry.key.range,
                "unknown test '\(entry.name)'\(meant == nil ? "; there are: \(names.joined(separator: ", "))" : "")",
                suggestion: meant)
            return nil
        }
    }
}

extension JSONValue: SettingValue {
    /// A string, a number or a boolean.
    public static var settingType: SettingType { .scalar }

    /// Any scalar but null.
    public static func read(_ node: Node, with reader: inout SettingReader) -> JSONValue? {
        switch node.scalar?.value {
        case .string(let value): return .string(value)
        case .int(let value): return .int(value)
        case .float(let value): return .double(value)
        case .bool(let value): return .bool(value)
        case .null, nil:
            reader.wrongType(node, expected: settingType)
            return nil
        }
    }
}

extension DiagnosticCode {
    /// A test of `when` that there is not.
    public static let unknownTest = DiagnosticCode(rawValue: "unknown_test")
}
