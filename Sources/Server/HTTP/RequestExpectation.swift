import NIOHTTP1

extension HTTPRequestHead {
    /// Whether its client sends the body only once it is told to (RFC 9110 section 10.1.1). None of HTTP/1.0 does.
    var waitsToGoOn: Bool {
        version == .http1_1 && headers.first(name: "expect")?.lowercased() == "100-continue"
    }

    /// How many bytes the body will have, as far as the client says so; 0 where it does not.
    var bodyLength: Int { headers.first(name: "content-length").flatMap { Int($0) } ?? 0 }
}
