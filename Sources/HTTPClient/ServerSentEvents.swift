/// Takes the data of server-sent events out of a stream of bytes, as the HTML standard describes it:
/// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
///
/// Of names only whether it is `error` counts. Ids and retry times are left out; a stream of an API has none that matter.
public struct ServerSentEvents: Sendable {
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var isError = false
    private var endsWithCarriageReturn = false
    private var isAtStart = true
    private let limit: Int

    /// Nothing read yet.
    ///
    /// - Parameter limit: The largest event that is taken, in bytes; 1 MiB by default.
    public init(limit: Int = 1 << 20) {
        self.limit = limit
    }

    /// Reads on.
    ///
    /// - Returns: Each event that ended with these bytes.
    /// - Throws: ``HTTPClientError`` `bodyTooLarge` for an event past the limit.
    public mutating func read(_ bytes: [UInt8]) throws(HTTPClientError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            // CR, LF and CRLF end a line alike.
            defer { endsWithCarriageReturn = byte == UInt8(ascii: "\r") }
            switch byte {
            case UInt8(ascii: "\n") where endsWithCarriageReturn: continue
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                if let event = endLine() { events.append(event) }
            default:
                line.append(byte)
                guard line.count + data.count <= limit else { throw .bodyTooLarge(limit) }
            }
        }
        return events
    }

    /// Ends the stream.
    ///
    /// - Returns: An event that lacks its empty line, or the end of its last one. The standard drops it.
    public mutating func finish() -> ServerSentEvent? {
        if !line.isEmpty { _ = endLine() }
        return endLine()
    }

    private mutating func endLine() -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if isAtStart, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isAtStart = false
        if line.isEmpty {
            defer { (data, hasData, isError) = ([], false, false) }
            return hasData ? ServerSentEvent(data: data, isError: isError) : nil
        }
        if let value = value(of: "data") {
            add(value)
        } else if line.first == UInt8(ascii: "e") {
            if let name = value(of: "event") { isError = name.elementsEqual("error".utf8) }
            // llama.cpp sends its errors so.
            if let value = value(of: "error") {
                add(value)
                isError = true
            }
        } else if line.first == UInt8(ascii: "{") {
            // Some servers that fail in the middle write what went wrong as they do in place of a stream.
            add(line[...])
        }
        return nil
    }

    private mutating func add(_ value: ArraySlice<UInt8>) {
        if hasData { data.append(UInt8(ascii: "\n")) }
        data += value
        hasData = true
    }

    /// What the line says, where it is of that field.
    private func value(of field: StaticString) -> ArraySlice<UInt8>? {
        let name = UnsafeBufferPointer(start: field.utf8Start, count: field.utf8CodeUnitCount)
        guard line.starts(with: name) else { return nil }
        var value = line.dropFirst(name.count)
        if !value.isEmpty {
            guard value.first == UInt8(ascii: ":") else { return nil }
            value = value.dropFirst()
            if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        }
        return value
    }
}

/// An event of a server.
public struct ServerSentEvent: Sendable, Hashable {
    /// What it says.
    public let data: [UInt8]

    /// Whether its name is `error`.
    public let isError: Bool

    /// An event.
    public init(data: [UInt8], isError: Bool = false) {
        self.data = data
        self.isError = isError
    }
}
