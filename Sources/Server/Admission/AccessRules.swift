import NIOHTTP1
import Pipeline

/// Who may speak to the host at all, by what its request says of where it comes from.
struct AccessRules: Sendable {
    /// Whether the host listens on a loopback address only.
    let isLoopback: Bool
    /// Whether the host speaks TLS, so that a page without it is none of its own.
    let isEncrypted: Bool
    /// Origins that may connect besides the host's own.
    let origins: [String]
    let proxies: TrustedProxies
    /// What the hosts of ``origins`` are called.
    private let sites: [PageOrigin]

    init(isLoopback: Bool, isEncrypted: Bool = false, origins: [String], proxies: TrustedProxies) {
        (self.isLoopback, self.isEncrypted, self.proxies) = (isLoopback, isEncrypted, proxies)
        self.origins = origins
        sites = origins.compactMap(PageOrigin.init)
    }

    /// The same with other origins.
    func with(origins: [WebOrigin]) -> AccessRules {
        AccessRules(
            isLoopback: isLoopback, isEncrypted: isEncrypted, origins: origins.map(\.text), proxies: proxies)
    }

    /// - Throws: 403 for a name that is not the host's (DNS rebinding) and for a web page from elsewhere.
    func check(_ head: HTTPRequestHead) throws(HTTPRejection) {
        let text = head.headers.first(name: "host")
        let host = text.flatMap(HostName.init)
        // Whoever looks whether the host is well need not know its name.
        if isLoopback, !(host.map(isOwn) ?? false), !head.isHealthCheck(of: RequestTarget(head.uri)) {
            throw .refused(host: text)
        }
        guard head.headers.contains(name: "origin") else { return }
        for origin in head.headers["origin"] where !isOwn(origin, host) && !origins.contains(origin) {
            throw .refused(origin: origin)
        }
    }

    /// The origin of the page that a request comes from, where it is one of ``origins``.
    func listedOrigin(of head: HTTPRequestHead) -> String? {
        guard !origins.isEmpty, head.headers.contains(name: "origin") else { return nil }
        let given = head.headers["origin"]
        guard given.count == 1, let origin = given.first, origins.contains(origin) else { return nil }
        return origin
    }

    /// Whether a request comes from a page of the host's own, or from none.
    func isOfOwnPage(_ head: HTTPRequestHead) -> Bool {
        let host = head.headers.first(name: "host").flatMap(HostName.init)
        return head.headers["origin"].allSatisfy { isOwn($0, host) }
    }

    /// Where a request comes from; `peer` is the address that its connection comes from.
    func sender(of head: HTTPRequestHead, peer: String?) -> Sender { proxies.sender(of: head, peer: peer) }

    private func isOwn(_ origin: String, _ host: HostName?) -> Bool {
        guard let host, let origin = PageOrigin(origin) else { return false }
        return (origin.isEncrypted || !isEncrypted) && origin.isOf(host)
    }

    /// Whether a name, whatever its port, is this machine's; or, behind a proxy of this machine, that of a site whose pages
    /// may connect.
    private func isOwn(_ host: HostName) -> Bool {
        host.name == "localhost" || IPAddress(host.name)?.isLoopback == true || sites.contains { $0.isOf(host) }
    }
}

extension HTTPRejection {
    /// What was got, and what to write where it is to be let in.
    fileprivate static func refused(host: String?) -> HTTPRejection {
        let own = "this host listens on a loopback address and answers to loopback names only, such as localhost"
        guard let host, !host.isEmpty else { return refused("the request names no host; \(own)") }
        let line = line(for: "https://\(host)").map { "; to let it answer to this name behind a proxy, write \($0)" }
        return refused("the host '\(OneLine.shown(host))' is refused: \(own)\(line ?? "")")
    }

    fileprivate static func refused(origin: String) -> HTTPRejection {
        let line = line(for: origin).map { "; to let its pages in, write \($0)" }
        let what = "only pages of this host's own origin and of those that are listed may call it"
        return refused("the origin '\(OneLine.shown(origin))' is refused: \(what)\(line ?? "")")
    }

    /// What lets an origin in. Operators may copy it: it is shown for what can be nothing but one origin.
    private static func line(for origin: String) -> String? {
        guard origin.utf8.count <= 300, let text = WebOrigin(origin)?.text else { return nil }
        if text == "null" { return #"host: {origins: ["null"]}"# }
        guard let end = text.firstRange(of: "://"), HostName(String(text[end.upperBound...])) != nil,
            text[..<end.lowerBound].utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") })
        else { return nil }
        return "host: {origins: [\(text.contains("[") ? "\"\(text)\"" : text)]}"
    }

    private static func refused(_ reason: String) -> HTTPRejection {
        var rejection = HTTPRejection(.forbidden, reason)
        rejection.isWarning = true
        return rejection
    }
}

extension OneLine {
    /// What a client sent, for people: of at most 200 characters, those beyond ASCII and controls escaped.
    fileprivate static func shown(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(200) {
            let isPlain = (0x20...0x7E).contains(scalar.value)
            result += isPlain ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
        }
        return result
    }
}
