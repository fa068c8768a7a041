package import NIOHTTP1

/// What a client and the host have agreed on about compression (RFC 7692).
package struct PermessageDeflate: Equatable, Sendable {
    /// The host's own window, as a power of two: with its memory level a stream takes about 40 KiB, where zlib's
    /// defaults take 256, and conversations of short texts compress nearly as well.
    static let windowBits = 12

    /// The host starts each message with an empty window.
    var serverNoContextTakeover = false
    /// The client starts each message with an empty window.
    var clientNoContextTakeover = false
    /// The host's window.
    var serverWindowBits = windowBits
    /// The client's window.
    var clientWindowBits = 15

    /// The value of `Sec-WebSocket-Extensions` in the answer.
    package private(set) var answer = "permessage-deflate"

    /// Takes the first offer that it can.
    ///
    /// - Returns: `nil` where there is none, which leaves the connection as it is without the extension.
    /// - Throws: Where the header breaks the grammar.
    package static func negotiate(_ headers: HTTPHeaders) throws(MalformedExtensions) -> PermessageDeflate? {
        let fields = headers["sec-websocket-extensions"]
        guard !fields.isEmpty else { return nil }
        guard let offers = ExtensionOffer.list(fields.joined(separator: ",")) else {
            throw MalformedExtensions()
        }
        return offers.lazy.compactMap(PermessageDeflate.init).first
    }

    /// `nil` for another extension, and for parameters that are unknown, come twice, or have a bad value.
    private init?(_ offer: ExtensionOffer) {
        guard offer.name.lowercased() == "permessage-deflate" else { return nil }
        guard Set(offer.parameters.map(\.name)).count == offer.parameters.count else { return nil }
        for parameter in offer.parameters {
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil):
                serverNoContextTakeover = true
                answer += "; server_no_context_takeover"
            case ("client_no_context_takeover", nil):
                clientNoContextTakeover = true
                answer += "; client_no_context_takeover"
            case ("server_max_window_bits", let value?):
                // zlib can't write raw deflate for a window of 2^8.
                guard let bits = Self.windowBits(value), bits > 8 else { return nil }
                serverWindowBits = min(bits, Self.windowBits)
                answer += "; server_max_window_bits=\(serverWindowBits)"
            case ("client_max_window_bits", let value):
                guard let bits = value.map(Self.windowBits) ?? 15 else { return nil }
                clientWindowBits = min(bits, Self.windowBits)
                answer += "; client_max_window_bits=\(clientWindowBits)"
            default: return nil
            }
        }
    }

    /// 8 to 15, without leading zeros.
    private static func windowBits(_ text: String) -> Int? {
        guard let bits = Int(text), (8...15).contains(bits), String(bits) == text else { return nil }
        return bits
    }
}

/// A `Sec-WebSocket-Extensions` that can't be read.
package struct MalformedExtensions: Error {
    /// What a client is told of it.
    package var reason: String { "Sec-WebSocket-Extensions can't be read" }
}
