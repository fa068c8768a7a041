/// Members of objects whose keys are known beforehand.
extension JSONReader {
    /// A member's key, to be compared with those that are known. It is looked at where it stands: for a `String` of each its
    /// bytes are copied and checked.
    package struct Key {
        @usableFromInline let bytes: UnsafeRawBufferPointer
        /// The key, where it is not written as it is.
        @usableFromInline let text: String?

        @usableFromInline init(bytes: UnsafeRawBufferPointer, text: String?) {
            (self.bytes, self.text) = (bytes, text)
        }

        /// Whether it is that key: `switch key { case "id": … }`. Most differ by their lengths.
        @inlinable package static func ~= (name: StaticString, key: Key) -> Bool {
            guard key.bytes.count == name.utf8CodeUnitCount || key.text != nil else { return false }
            return key.is(name)
        }

        @usableFromInline func `is`(_ name: StaticString) -> Bool {
            if let text { return name.withUTF8Buffer { text.utf8.elementsEqual($0) } }
            return bytes.elementsEqual(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        }
    }

    /// An object, member by member. For each key, which is not to be kept, `body` reads the value, or skips it.
    package mutating func members(
        _ body: (inout JSONReader, Key) throws(Problem) -> Void
    ) throws(Problem) {
        try eachMember { (reader) throws(Problem) in
            let key = try reader.key()
            try reader.takeColon()
            try body(&reader, key)
        }
    }

    private mutating func key() throws(Problem) -> Key {
        let quote = place
        place += 1
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20, byte < 0x80 {
            place += 1
        }
        if current == UInt8(ascii: "\"") {
            defer { place += 1 }
            return Key(bytes: UnsafeRawBufferPointer(rebasing: bytes[(quote + 1)..<place]), text: nil)
        }
        place = quote
        return Key(bytes: UnsafeRawBufferPointer(start: nil, count: 0), text: try quotedText())
    }
}
