package import Pipeline

/// Where something is not as a test expects it.
package struct Difference: Equatable {
    /// Where the file says what it expects.
    package let place: SourceRange
    /// What differs: `'response'`, `'error.code'`; empty for the whole.
    package let path: String
    /// What the file expects there, as JSON.
    package let expected: String
    /// What there is, as JSON; `nil` for nothing.
    package let got: String?
}

extension Expected {
    /// The first thing that is not as expected; `nil` where everything is. A mapping names what must be there; other
    /// keys don't matter.
    ///
    /// - Parameter text: What a text stands for, such as a frame's answer.
    package func difference(from value: JSONValue, text: String?) -> Difference? {
        if node.entries == nil, case .object = value {
            return Expected.difference(of: node, from: text.map(JSONValue.string), at: "")
        }
        return Expected.difference(of: node, from: value, at: "")
    }

    /// What there is under the keys that are named; all of it where it has none of them.
    package func part(of value: JSONValue, text: String?) -> String {
        if node.entries == nil, let text { return JSONValue.string(text).json }
        let part = Expected.part(of: value, like: node)
        return (part == .object([:]) ? value : part).json
    }

    /// What is expected, as JSON.
    package var json: String { Expected.value(of: node).json }

    private static func difference(of node: Node, from value: JSONValue?, at path: String) -> Difference? {
        func here() -> Difference {
            Difference(place: node.range, path: path, expected: Self.value(of: node).json, got: value?.json)
        }
        if let entries = node.entries {
            guard case .object(let object) = value else { return here() }
            for entry in entries {
                let key = entry.key.scalar?.text ?? ""
                let inner = path.isEmpty ? key : "\(path).\(key)"
                if let found = difference(of: entry.value, from: object[key], at: inner) { return found }
            }
            return nil
        }
        if let elements = node.elements {
            guard case .array(let values) = value, values.count == elements.count else { return here() }
            for (index, element) in elements.enumerated() {
                if let found = difference(of: element, from: values[index], at: "\(path)[\(index + 1)]") {
                    return found
                }
            }
            return nil
        }
        let expected = Self.value(of: node)
        if expected == .null, value == nil { return nil }
        return value.map { isSame(expected, $0) } ?? false ? nil : here()
    }

    /// `4` and `4.0` are the same number; texts are compared scalar by scalar.
    private static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        switch (left, right) {
        case (.int(let left), .double(let right)): Double(left) == right
        case (.double(let left), .int(let right)): left == Double(right)
        case (.string(let left), .string(let right)): left.isExactly(right)
        default: left == right
        }
    }

    private static func part(of value: JSONValue, like node: Node) -> JSONValue {
        guard case .object(let object) = value, let entries = node.entries else { return value }
        let named = entries.compactMap { entry -> (String, JSONValue)? in
            let key = entry.key.scalar?.text ?? ""
            return object[key].map { (key, part(of: $0, like: entry.value)) }
        }
        return .object(Dictionary(named) { first, _ in first })
    }

    private static func value(of node: Node) -> JSONValue {
        if let entries = node.entries {
            return .object(
                Dictionary(entries.map { ($0.key.scalar?.text ?? "", value(of: $0.value)) }) { first, _ in first })
        }
        if let elements = node.elements { return .array(elements.map(value)) }
        return switch node.scalar?.value {
        case .string(let text): .string(text)
        case .int(let number): .int(number)
        case .float(let number): .double(number)
        case .bool(let value): .bool(value)
        case .null, nil: .null
        }
    }
}
