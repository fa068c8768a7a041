import Server
import NIOHTTP1
import Pipeline
import WebSocketCodec

/// What a client asks for before it speaks: a line with the target, then one line for each header field.
enum HandshakeTarget {
    private static let proxies = TrustedProxies(ranges: [AddressRange("10.0.0.0/8")].compactMap(\.self))

    static func run(_ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: String(lines.first ?? ""))
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            // NIO's parser lets no other name through.
            guard parts.count == 2, parts[0].utf8.allSatisfy({ $0 < 0x80 }) else { continue }
            head.headers.add(name: String(parts[0]), value: String(parts[1].drop { $0 == " " }))
        }
        if case .accept(let headers) = WebSocketHandshake.check(head) {
            precondition(headers["sec-websocket-accept"].count == 1, "an answer without a key")
        }
        if let extensions = try? PermessageDeflate.negotiate(head.headers) {
            precondition(extensions.answer.hasPrefix("permessage-deflate"), "\(extensions.answer) was not offered")
        }
        _ = PresentedToken.find(in: head)
        let sender = proxies.sender(of: head, peer: "10.0.0.1")
        precondition(sender.address != nil && !(sender.isLocal && sender.isForwarded), "\(sender)")
        precondition(proxies.sender(of: head, peer: "192.0.2.1").address == "192.0.2.1", "anybody may say who he is")
    }

    static func runQuery(_ bytes: [UInt8]) {
        let target = RequestTarget(String(decoding: bytes, as: UTF8.self))
        precondition(!target.path.contains("?"), target.path)
        for name in ["session", "username", "format", "after", ""] {
            guard let text = target.query[name], let id = UniqueID(text) else { continue }
            precondition(UniqueID(id.description) == id, text)
        }
    }
}
