/// How a client treats its connections.
package struct HTTPClientConfiguration: Sendable, Hashable {
    /// Idle connections that each thread keeps for later calls, to all hosts together; the oldest is closed when there are
    /// more. Past as many calls at once, as many more are kept as there were calls, until a second after the last has ended.
    /// 256 by default, and as many over TLS: as many as a model API gets calls at once before its breaker holds them back.
    package var keptConnections = 256

    /// Whether ``HTTPClient/send(_:)`` may speak HTTP/2 over TLS; `true` by default. Calls of one host share a
    /// connection then. ``HTTPClient/execute(_:)`` speaks HTTP/1.1 always: libcurl stops a whole HTTP/2 connection for
    /// one reader that is slow.
    package var allowsHTTP2 = true

    /// The defaults.
    package init() {}
}
