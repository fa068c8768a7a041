import NIOHTTP1

extension HTTPRequestHead {
    /// Brings a request into the form that every rule looks at: a target that begins with its path, and the one host that it
    /// is for (RFC 9112 section 3.2).
    ///
    /// - Throws: 400 where it names no host, or two.
    mutating func settleHost() throws(HTTPRejection) {
        var hosts = 0
        for field in headers where field.name.isSameASCII(as: "host") { hosts += 1 }
        guard hosts < 2 else { throw HTTPRejection(.badRequest, "a request has one Host header, not \(hosts)") }
        guard hosts == 1 || version != .http1_1 else {
            throw HTTPRejection(.badRequest, "a request of HTTP/1.1 has a Host header")
        }
        guard uri.utf8.first != UInt8(ascii: "/"), let end = uri.firstRange(of: "://") else { return }
        // A whole address, as a client sends it to a proxy: its host counts, not the header's.
        guard ["http", "https", "ws", "wss"].contains(uri[..<end.lowerBound].lowercased()) else {
            throw HTTPRejection(.badRequest, "only http and https are served here")
        }
        let rest = uri[end.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard HostName(String(authority)) != nil else {
            throw HTTPRejection(.badRequest, "the address names no host")
        }
        let path = rest.dropFirst(authority.count)
        headers.replaceOrAdd(name: "host", value: String(authority))
        uri = path.first == "/" ? String(path) : "/\(path)"
    }
}

extension String {
    fileprivate func isSameASCII(as lowercased: StaticString) -> Bool {
        guard utf8.count == lowercased.utf8CodeUnitCount else { return false }
        var index = 0
        for byte in utf8 {
            if byte | 0x20 != lowercased.utf8Start[index] { return false }
            index += 1
        }
        return true
    }
}
