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

    /// The body, piece by piece, decompressed.
    public let body: HTTPBody
}
