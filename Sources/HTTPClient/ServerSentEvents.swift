import Glibc

/// Takes the data of server-sent events out of a stream of bytes, as the HTML standard describes it:
/// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
///
/// Of names only whether it is `error` counts. Ids and retry times are left out; a stream of an API has none that matter.
package struct ServerSentEvents: Sendable {
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
    package init(limit: Int = 1 << 20) {
        self.limit = limit
    }

    /// Reads on.
    ///
    /// - Returns: Each event that ended with these bytes.
    /// - Throws: ``HTTPClientError`` `bodyTooLarge` for an event past the limit.
    package mutating func read(_ bytes: [UInt8]) throws(HTTPClientError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        guard bytes.withUnsafeBufferPointer({ read($0, &events) }) else { throw .bodyTooLarge(limit) }
        return events
    }

    /// Reads on from where the bytes are.
    ///
    /// - Returns: Each event that ended with these bytes.
    /// - Throws: ``HTTPClientError`` `bodyTooLarge` for an event past the limit.
    package mutating func read(_ bytes: UnsafeRawBufferPointer) throws(HTTPClientError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        guard bytes.withMemoryRebound(to: UInt8.self, { read($0, &events) }) else { throw .bodyTooLarge(limit) }
        return events
    }

    /// - Returns: Whether no event is too large.
    private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>, _ events: inout [ServerSentEvent]) -> Bool {
        var start = 0
        while start < bytes.count {
            let end = Self.lineEnd(in: bytes, from: start)
            let piece = UnsafeBufferPointer(rebasing: bytes[start..<end])
            if !piece.isEmpty {
                endsWithCarriageReturn = false
                guard line.count + piece.count + data.count <= limit else { return false }
            }
            guard end < bytes.count else {
                line.append(contentsOf: piece)
                break
            }
            start = end + 1
            // CR, LF and CRLF end a line alike.
            let isCarriageReturn = bytes[end] == UInt8(ascii: "\r")
            defer { endsWithCarriageReturn = isCarriageReturn }
            if !isCarriageReturn, endsWithCarriageReturn { continue }
            if let event = line.isEmpty ? endLine(piece) : endLine(beforehand: piece) { events.append(event) }
        }
        return true
    }

    private static func lineEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let base = bytes.baseAddress else { return bytes.count }
        func first(_ byte: UInt8, before end: Int) -> Int {
            memchr(base + start, Int32(byte), end - start)
                .map { UnsafeRawPointer(base).distance(to: UnsafeRawPointer($0)) } ?? end
        }
        return first(UInt8(ascii: "\r"), before: first(UInt8(ascii: "\n"), before: bytes.count))
    }

    /// Ends the stream.
    ///
    /// - Returns: An event that lacks its empty line, or the end of its last one. The standard drops it.
    package mutating func finish() -> ServerSentEvent? {
        let nothing = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        if !line.isEmpty { _ = endLine(beforehand: nothing) }
        return endLine(nothing)
    }

    /// Ends a line whose beginning came before these bytes.
    private mutating func endLine(beforehand rest: UnsafeBufferPointer<UInt8>) -> ServerSentEvent? {
        line.append(contentsOf: rest)
        var whole: [UInt8] = []
        swap(&whole, &line)
        let event = whole.withUnsafeBufferPointer { endLine($0) }
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &line)
        return event
    }

    private mutating func endLine(_ whole: UnsafeBufferPointer<UInt8>) -> ServerSentEvent? {
        let isMarked = isAtStart && whole.starts(with: [0xEF, 0xBB, 0xBF])
        let line = isMarked ? UnsafeBufferPointer(rebasing: whole.dropFirst(3)) : whole
        isAtStart = false
        if line.isEmpty {
            defer { (data, hasData, isError) = ([], false, false) }
            return hasData ? ServerSentEvent(data: data, isError: isError) : nil
        }
        if let value = Self.value(of: "data", in: line) {
            add(value)
        } else if line.first == UInt8(ascii: "e") {
            if let name = Self.value(of: "event", in: line) { isError = name.elementsEqual("error".utf8) }
            // llama.cpp sends its errors so.
            if let value = Self.value(of: "error", in: line) {
                add(value)
                isError = true
            }
        } else if line.first == UInt8(ascii: "{") {
            // Some servers that fail in the middle write what went wrong as they do in place of a stream.
            add(line[...])
        }
        return nil
    }

    private mutating func add(_ value: Slice<UnsafeBufferPointer<UInt8>>) {
        if hasData { data.append(UInt8(ascii: "\n")) }
        data.append(contentsOf: value)
        hasData = true
    }

    /// What the line says, where it is of that field.
    private static func value(
        of field: StaticString, in line: UnsafeBufferPointer<UInt8>
    ) -> Slice<UnsafeBufferPointer<UInt8>>? {
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
package struct ServerSentEvent: Sendable, Hashable {
    /// What it says.
    package let data: [UInt8]

    /// Whether its name is `error`.
    package let isError: Bool

    /// An event.
    package init(data: [UInt8], isError: Bool = false) {
        self.data = data
        self.isError = isError
    }
}
