/// A whole response.
public struct HTTPResponse: Sendable {
    /// The status code.
    public let status: Int

    /// The header fields.
    public let headers: HTTPHeaderFields

    /// The body, decompressed.
    public let body: [UInt8]
}

/// A response whose body is still to come.
public struct HTTPStreamedResponse: Sendable {
    /// The status code.
    public let status: Int

    /// The header fields.
    public let headers: HTTPHeaderFields

    /// The body, piece by piece.
    public let body: HTTPBody
}

/// The header fields of a response, kept as they came and read when they are asked for.
public struct HTTPHeaderFields: Sendable {
    private let block: [UInt8]

    init(block: [UInt8]) {
        self.block = block
    }

    /// The value of the first field of that name, in any case.
    public subscript(name: String) -> String? {
        let wanted = name.lowercased()
        return fields.first { $0.name.lowercased() == wanted }?.value
    }

    /// All fields in the order in which they came.
    public var fields: [(name: String, value: String)] {
        block.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let value = line[(colon + 1)...].drop(while: isSpace)
            let end = value.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? value.startIndex
            return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value[..<end], as: UTF8.self))
        }
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}
