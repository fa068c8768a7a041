extension JSONValue {
    /// The value that a text is; `nil` where it is no JSON.
    package init?(json text: String) {
        var text = text
        guard let value = text.withUTF8({ try? JSONReader.value(of: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = value
    }

    /// The number; `nil` where it is no whole one.
    package var whole: Int? { if case .int(let number) = self { number } else { nil } }

    /// The number, where it is a whole one that every reader of JSON has exactly (less than 2^53; RFC 8259, section 6): what
    /// others have sent can then be counted on from, and some of it added up, without an overflow.
    package var safeInteger: Int? { whole.flatMap { $0.magnitude < 1 << 53 ? $0 : nil } }

    /// The elements; none where it is no array.
    package var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }

    /// The members; none where it is no object.
    package var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
}
