extension JSONValue {
    /// The value that a text is; `nil` where it is no JSON.
    package init?(json text: String) {
        var text = text
        guard let value = text.withUTF8({ try? JSONReader.value(of: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = value
    }
}
