/// A call of an HTTP API.
package struct HTTPRequest: Sendable {
    /// The method; `GET` by default.
    package var method: String

    /// The address: `http` or `https`.
    package var url: String

    /// The header fields, sent in this order. `Content-Length` and `Transfer-Encoding` follow from the body and
    /// can't be set.
    package var headers: [(name: String, value: String)]

    /// The body; none where it is empty.
    package var body: [UInt8]

    /// How long each part of the call may take.
    package var deadlines = HTTPDeadlines()

    /// The largest body of a response that is taken, in bytes after decompression; 1 MiB by default. It is far above a
    /// model's answer, and what a call can cost in memory.
    package var bodyLimit = 1 << 20

    /// How many redirects are followed; none by default. A response that redirects and is not followed is returned as
    /// it is.
    ///
    /// To another origin (scheme, host or port) goes no header field but `Accept`, `Accept-Language`, `Content-Type`
    /// and `User-Agent`, and no body: a redirect that would take the body there is not followed.
    package var redirectLimit = 0

    /// Whether only redirects to the same origin (scheme, host and port) are followed; `false` by default.
    package var staysAtOrigin = false

    /// A call.
    package init(
        method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}
