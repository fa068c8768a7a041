import Cryptography
import FoundationEssentials
import NIOCore
package import NIOHTTP1

/// The check of a client's opening handshake (RFC 6455 section 4.2): a pure function of the request.
package enum WebSocketHandshake {
    package enum Outcome {
        /// The headers of the 101 response, besides `Upgrade` and `Connection`.
        case accept(HTTPHeaders)
        case reject(HTTPResponseStatus, String)
    }

    /// More header fields than any browser or proxy sends; each costs memory and a look.
    static let maxHeaderFields = 100

    /// A rejection with the status 426 goes out with `Sec-WebSocket-Version: 13` and `Upgrade: websocket`.
    package static func check(_ head: HTTPRequestHead) -> Outcome {
        guard head.headers.count <= maxHeaderFields else {
            return .reject(.requestHeaderFieldsTooLarge, "more than \(maxHeaderFields) header fields")
        }
        guard head.method == .GET, head.version == .http1_1 else {
            return .reject(.badRequest, "a WebSocket handshake is a GET request of HTTP/1.1")
        }
        guard head.headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" }),
            head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" })
        else {
            return .reject(.upgradeRequired, "connect with a WebSocket, or POST a prompt")
        }
        guard head.headers["host"].count == 1 else { return .reject(.badRequest, "exactly one Host header is needed") }
        guard head.headers["sec-websocket-version"] == ["13"] else {
            return .reject(.upgradeRequired, "WebSocket version 13 is spoken here")
        }
        let length = head.headers["content-length"]
        guard length.allSatisfy({ $0 == "0" }), !head.headers.contains(name: "transfer-encoding") else {
            return .reject(.badRequest, "a WebSocket handshake has no body")
        }
        let keys = head.headers["sec-websocket-key"]
        guard keys.count == 1, let key = keys.first, isKey(key) else {
            return .reject(.badRequest, "Sec-WebSocket-Key must be 16 bytes in Base64")
        }
        return .accept(["sec-websocket-accept": accept(for: key)])
    }

    /// The answer to a key (RFC 6455 section 4.2.2).
    static func accept(for key: String) -> String {
        Data(Hash.sha1.digest(of: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))).base64EncodedString()
    }

    /// 16 bytes are 22 digits of Base64 and two signs of padding.
    private static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
        return bytes[..<22].allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }
}
