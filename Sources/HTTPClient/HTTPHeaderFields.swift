/// The header fields of a response, kept as they came and read when they are asked for.
package struct HTTPHeaderFields: Sendable {
    private let block: [UInt8]

    /// - Parameter block: lines without the status line.
    init(block: [UInt8]) {
        self.block = block
    }

    /// The value of the first field of that name, in any case.
    package subscript(name: String) -> String? {
        for line in block.split(separator: UInt8(ascii: "\n")) {
            guard let colon = Self.colon(of: line) else { continue }
            let isSame =
                colon - line.startIndex == name.utf8.count
                && zip(line, name.utf8).allSatisfy { $0.lowercasedASCII == $1.lowercasedASCII }
            if isSame { return Self.value(of: line, after: colon) }
        }
        return nil
    }

    /// All fields in the order in which they came.
    package var fields: [(name: String, value: String)] {
        block.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let colon = Self.colon(of: line) else { return nil }
            return (String(decoding: line[..<colon], as: UTF8.self), Self.value(of: line, after: colon))
        }
    }

    /// The place of the colon; `nil` for a line that goes on with the one before it, a form that HTTP has given up.
    private static func colon(of line: ArraySlice<UInt8>) -> Int? {
        guard let first = line.first, !isSpace(first) else { return nil }
        return line.firstIndex(of: UInt8(ascii: ":"))
    }

    private static func value(of line: ArraySlice<UInt8>, after colon: Int) -> String {
        let value = line[(colon + 1)...].drop(while: isSpace)
        let end = value.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? value.startIndex
        return String(decoding: value[..<end], as: UTF8.self)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}
