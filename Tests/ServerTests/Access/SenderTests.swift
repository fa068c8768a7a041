import NIOHTTP1
import Testing

@testable import Server

@Suite("Where a request comes from")
struct SenderTests {
    private func sender(peer: String?, _ forwarded: [String], trusted: [String] = ["10.0.0.0/8", "127.0.0.1"]) -> Sender
    {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws")
        for value in forwarded { head.headers.add(name: "X-Forwarded-For", value: value) }
        return TrustedProxies(ranges: trusted.compactMap(AddressRange.init)).sender(of: head, peer: peer)
    }

    @Test("X-Forwarded-For of a peer that is no trusted proxy means nothing")
    func spoofed() {
        #expect(sender(peer: "203.0.113.9", ["198.51.100.1"]).address == "203.0.113.9")
        #expect(sender(peer: "127.0.0.1", ["198.51.100.1"], trusted: []).address == "127.0.0.1")
        #expect(!sender(peer: "203.0.113.9", ["198.51.100.1"]).isForwarded)
    }

    @Test(
        "the client is the right-most address that is no trusted proxy's",
        arguments: [
            (["198.51.100.1"], "198.51.100.1"), (["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
            (["192.0.2.66", "198.51.100.1"], "198.51.100.1"), (["192.0.2.66, 198.51.100.1, 10.1.1.1"], "198.51.100.1"),
            (["198.51.100.1", "10.1.1.1, 10.2.2.2"], "198.51.100.1"), (["10.1.1.1"], "10.1.1.1"), ([], "10.0.0.1"),
            (["192.0.2.66, unknown"], "10.0.0.1"), (["192.0.2.66, unknown, 10.1.1.1"], "10.1.1.1"), ([""], "10.0.0.1"),
            (["198.51.100.1:4711"], "198.51.100.1"), (["[2001:db8::1]:4711"], "2001:db8::1"),
            (["2001:DB8::1"], "2001:db8::1"), (["192.0.2.66, 198.51.100.1 , 10.1.1.1"], "198.51.100.1"),
        ])
    func rightMost(forwarded: [String], client: String) {
        let sender = sender(peer: "10.0.0.1", forwarded)
        #expect(sender.address == client)
        #expect(sender.isForwarded)
    }

    @Test("only a request of this machine that passed no proxy is local")
    func local() {
        #expect(sender(peer: "127.0.0.1", []).isLocal)
        #expect(sender(peer: "::1", []).isLocal)
        #expect(!sender(peer: "127.0.0.1", ["127.0.0.1"]).isLocal)
        #expect(!sender(peer: "10.0.0.1", []).isLocal)
        #expect(!sender(peer: nil, []).isLocal)
    }
}
