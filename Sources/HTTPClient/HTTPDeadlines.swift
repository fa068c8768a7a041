/// How long the parts of a call may take. A call without deadlines can hang for ever.
public struct HTTPDeadlines: Sendable, Hashable {
    /// To find and reach the host, TLS included; 5 s, as in OpenAI's own clients and Envoy.
    public var connect: Duration = .seconds(5)

    /// From the start of the call to the response's first byte; no limit but `total` by default, as a model may think
    /// for long before it answers.
    public var firstByte: Duration?

    /// Without a byte once the response has begun; 60 s. Does not run while the reader of the body is what is slow.
    public var idle: Duration = .seconds(60)

    /// For the whole call, redirects and the reading of the body included; 120 s.
    public var total: Duration = .seconds(120)

    /// The defaults.
    public init() {}
}
