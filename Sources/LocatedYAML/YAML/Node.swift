/// A value of a YAML file, with its place.
public struct Node: Sendable {
    /// The three kinds of values.
    public enum Content: Sendable {
        /// Text, a number, a boolean or nothing.
        case scalar(Scalar)
        /// A list.
        case sequence([Node])
        /// Keys and their values, in the order of the file; no key comes twice.
        case mapping([Entry])
    }

    /// One key of a mapping and its value.
    public struct Entry: Sendable {
        /// The key, always a scalar; never interpolated.
        public let key: Node

        /// The value.
        public let value: Node

        /// A key and its value.
        public init(key: Node, value: Node) {
            self.key = key
            self.value = value
        }

        /// The key's text; empty for a key that is no scalar.
        package var name: String { key.scalar?.text ?? "" }
    }

    /// The value.
    public let content: Content

    /// From its first character to after its last; without comments and spaces around it. Empty for a value left out.
    public let range: SourceRange

    /// A value at a place.
    public init(content: Content, range: SourceRange) {
        self.content = content
        self.range = range
    }

    /// The value of a key; `nil` where there is no such key, or the node is no mapping.
    public subscript(_ key: String) -> Node? {
        entries?.first { $0.key.scalar?.text == key }?.value
    }

    /// The scalar; `nil` for lists and mappings.
    public var scalar: Scalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    /// The keys with their values; `nil` where the node is no mapping.
    public var entries: [Entry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    /// The elements; `nil` where the node is no list.
    public var elements: [Node]? {
        if case .sequence(let elements) = content { elements } else { nil }
    }
}
