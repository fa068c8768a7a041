/// Takes the data of server-sent events out of a stream of bytes, as the HTML standard describes it:
/// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
///
/// Names, ids and retry times are left out; a stream of an API has none that matter.
public struct ServerSentEvents: Sendable {
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
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
    /// - Returns: The data of each event that ended with these bytes.
    /// - Throws: ``HTTPClientError`` `bodyTooLarge` for an event past the limit.
    public mutating func read(_ bytes: [UInt8]) throws(HTTPClientError) -> [[UInt8]] {
        var events: [[UInt8]] = []
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

    private mutating func endLine() -> [UInt8]? {
        defer { line.removeAll(keepingCapacity: true) }
        if isAtStart, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isAtStart = false
        if line.isEmpty {
            guard hasData else { return nil }
            defer { (data, hasData) = ([], false) }
            return data
        }
        guard line.starts(with: "data".utf8) else { return nil }
        var value = line.dropFirst(4)
        if !value.isEmpty {
            guard value.first == UInt8(ascii: ":") else { return nil }
            value = value.dropFirst()
            if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        }
        if hasData { data.append(UInt8(ascii: "\n")) }
        data += value
        hasData = true
        return nil
    }
}
