package import NIOHTTP1
import Pipeline

/// The key or token that a client shows.
package enum PresentedToken {
    /// The subprotocol that the host speaks. A browser can't set `Authorization`; it names this one and, beside it, its
    /// token, and needs one of those it named to be chosen.
    static let subprotocol = "stagecoach"

    /// By `Authorization: Bearer …`, or by a subprotocol `bearer.TOKEN`; a token with characters that a subprotocol
    /// can't have comes as `bearer64.` and its Base64 for URLs. Never in the address, which logs and histories keep.
    package static func find(in head: HTTPRequestHead) -> String? {
        for value in head.headers["authorization"] {
            let parts = value.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { continue }
            return parts[1].trimmingCharacters
        }
        for name in subprotocols(of: head) {
            if name.hasPrefix("bearer.") { return String(name.dropFirst("bearer.".count)) }
            if name.hasPrefix("bearer64.") {
                return Base64URL.decode(name.dropFirst("bearer64.".count).utf8).map {
                    String(decoding: $0, as: UTF8.self)
                }
                    ?? ""
            }
        }
        return nil
    }

    /// What is answered to the subprotocols that a client offers: never one with a token in it.
    static func chosenSubprotocol(for head: HTTPRequestHead) -> String? {
        subprotocols(of: head).contains(subprotocol) ? subprotocol : nil
    }

    /// The token of `{"type": "auth", "token": "…"}`.
    package static func find(in frame: String) -> String? {
        guard let members = try? JSONReader.members(["type", "token"], of: Array(frame.utf8)),
            members["type"] == .string("auth"), case .string(let token) = members["token"]
        else { return nil }
        return token
    }

    private static func subprotocols(of head: HTTPRequestHead) -> [String] {
        guard head.headers.contains(name: "sec-websocket-protocol") else { return [] }
        return head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    }
}

extension Substring {
    fileprivate var trimmingCharacters: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
