/// A call of an HTTP API.
public struct HTTPRequest: Sendable {
    /// The method; `GET` by default.
    public var method: String

    /// The address: `http` or `https`.
    public var url: String

    /// The header fields, sent in this order.
    public var headers: [(name: String, value: String)]

    /// The body; none where it is empty.
    public var body: [UInt8]

    /// How long each part of the call may take.
    public var deadlines = HTTPDeadlines()

    /// The largest body of a response that is taken, in bytes after decompression; 1 MiB by default.
    public var bodyLimit = 1 << 20

    /// A call.
    public init(
        method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// How long the parts of a call may take. A call without deadlines can hang for ever.
public struct HTTPDeadlines: Sendable, Hashable {
    /// To find and reach the host, TLS included; 5 s, as in OpenAI's own clients.
    public var connect: Duration = .seconds(5)

    /// From the start of the call to the response's first byte; no limit but `total` by default.
    public var firstByte: Duration?

    /// Without a byte once the response has begun; 60 s.
    public var idle: Duration = .seconds(60)

    /// For everything; 120 s.
    public var total: Duration = .seconds(120)

    /// The defaults.
    public init() {}
}
