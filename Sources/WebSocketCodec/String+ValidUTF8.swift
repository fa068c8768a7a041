extension String {
    /// The text of these bytes; `nil` where they are not UTF-8.
    ///
    /// By way of a `UTF8Span`, because `String(validating:as:)` takes twice the time for short texts.
    init?(validUTF8 bytes: UnsafeRawBufferPointer) {
        guard let utf8 = try? UTF8Span(validating: bytes.bindMemory(to: UInt8.self).span) else { return nil }
        self.init(copying: utf8)
    }
}
