extension String {
    /// The text of these bytes; `nil` where they are not UTF-8, which other initializers would repair in silence.
    ///
    /// By way of a `UTF8Span`, because `String(validating:as:)` takes twice the time for short texts.
    package init?(strictUTF8 bytes: UnsafeRawBufferPointer) {
        let span = bytes.bindMemory(to: UInt8.self).span
        guard let utf8 = try? UTF8Span(validating: span) else { return nil }
        self.init(copying: utf8)
    }
}
