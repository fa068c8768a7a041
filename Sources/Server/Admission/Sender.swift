package import NIOHTTP1
import Pipeline

/// Where a request comes from.
package struct Sender {
    /// The client's address: the peer's, or what a trusted proxy says.
    package let address: String?
    /// Whether a trusted proxy sent it on.
    package let isForwarded: Bool
    /// Whether a program of this machine sent it, and not a proxy for somebody else.
    package let isLocal: Bool
}

/// The proxies whose `X-Forwarded-For` counts.
package struct TrustedProxies: Sendable {
    let ranges: [AddressRange]

    package init(ranges: [AddressRange]) { self.ranges = ranges }

    func trusts(_ address: IPAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// The sender of a request.
    ///
    /// Every proxy adds the address it was called from at the right, so only what stands to the right of the first
    /// address that is no trusted proxy's is known to be true, and that address itself.
    package func sender(of head: HTTPRequestHead, peer: String?) -> Sender {
        let hasPassedProxy = head.headers.contains(name: "x-forwarded-for") || head.headers.contains(name: "forwarded")
        let peerAddress = peer.flatMap(IPAddress.init)
        let isLocal = !hasPassedProxy && peerAddress?.isLoopback == true
        guard let peerAddress, trusts(peerAddress) else {
            return Sender(address: peer, isForwarded: false, isLocal: isLocal)
        }
        var client = peerAddress
        for element in head.headers[canonicalForm: "x-forwarded-for"].reversed() {
            guard let address = TrustedProxies.address(String(element)) else { break }
            client = address
            if !trusts(address) { break }
        }
        return Sender(address: client.description, isForwarded: true, isLocal: isLocal)
    }

    /// Some proxies write the port, too: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
    private static func address(_ text: String) -> IPAddress? {
        if text.hasPrefix("[") { return HostName(text).flatMap { IPAddress($0.name) } }
        if let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") {
            return IPAddress(String(text[..<colon]))
        }
        return IPAddress(text)
    }
}
