/// A whole response.
package struct HTTPResponse: Sendable {
    /// The status code.
    package let status: Int

    /// The header fields.
    package let headers: HTTPHeaderFields

    /// The body, decompressed.
    package let body: [UInt8]
}

/// A response whose body is still to come.
package struct HTTPStreamedResponse: Sendable {
    /// The status code.
    package let status: Int

    /// The header fields.
    package let headers: HTTPHeaderFields

    /// The body, piece by piece, decompressed.
    package let body: HTTPBody
}
