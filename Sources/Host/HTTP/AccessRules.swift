import NIOHTTP1
import Pipeline
import Stages

/// Who may speak to the host at all, by what its request says of where it comes from.
struct AccessRules: Sendable {
    /// Whether the host listens on a loopback address only.
    let isLoopback: Bool
    /// Whether the host speaks TLS, so that a page without it is none of its own.
    var isEncrypted = false
    /// Origins that may connect besides the host's own.
    let origins: [String]
    let proxies: TrustedProxies

    /// - Throws: 403 for a name that is not the host's (DNS rebinding) and for a web page from elsewhere.
    func check(_ head: HTTPRequestHead) throws(HTTPRejection) {
        let host = head.headers.first(name: "host") ?? ""
        if isLoopback, !AccessRules.isLoopbackName(host), !isNameOfAnOrigin(host) {
            throw HTTPRejection(.forbidden, "this host answers to loopback names only")
        }
        for origin in head.headers["origin"] {
            let isOwn = origin == "https://\(host)" || !isEncrypted && origin == "http://\(host)"
            guard isOwn || origins.contains(origin) else {
                throw HTTPRejection(.forbidden, "the origin is not allowed; add it under host: {origins: […]}")
            }
        }
    }

    /// Where a request comes from; `peer` is the address that its connection comes from.
    func sender(of head: HTTPRequestHead, peer: String?) -> Sender { proxies.sender(of: head, peer: peer) }

    /// Behind a proxy of this machine the host has the name of the site: one of whose pages may connect.
    private func isNameOfAnOrigin(_ host: String) -> Bool {
        origins.contains { $0 == "https://\(host)" || $0 == "http://\(host)" }
    }

    /// Whether `Host` names this machine, whatever the port.
    private static func isLoopbackName(_ host: String) -> Bool {
        guard let name = HostName(host)?.name else { return false }
        return name == "localhost" || IPAddress(name)?.isLoopback == true
    }
}
