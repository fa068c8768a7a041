/// How long the parts of a call may take. A call without deadlines can hang for ever.
package struct HTTPDeadlines: Sendable, Hashable {
    /// To find and reach the host, TLS included; 5 s, as in OpenAI's own clients and Envoy.
    package var connect: Duration = .seconds(5)

    /// From the start of the call to the response's first byte; no limit but `total` by default, as a model may think
    /// for long before it answers.
    package var firstByte: Duration?

    /// Without a byte once the response has begun; 60 s. Does not run while the reader of the body is what is slow.
    package var idle: Duration = .seconds(60)

    /// For the whole call, redirects and the reading of the body included; 120 s.
    package var total: Duration = .seconds(120)

    /// The defaults.
    package init() {}
}
