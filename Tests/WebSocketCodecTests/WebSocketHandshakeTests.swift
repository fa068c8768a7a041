import NIOHTTP1
import Testing

@testable import WebSocketCodec

@Suite("The WebSocket handshake")
struct WebSocketHandshakeTests {
    /// The request of RFC 6455 section 1.3.
    private static let headers: [(String, String)] = [
        ("Host", "server.example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
    ]

    @Test("accepts the example of the RFC, with its answer")
    func example() throws {
        guard case .accept(let headers) = WebSocketHandshake.check(request()) else {
            Issue.record("it was rejected")
            return
        }
        #expect(headers["Sec-WebSocket-Accept"] == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
    }

    @Test(
        "accepts what may be written in other ways",
        arguments: [
            ("Upgrade", "WebSocket"), ("Upgrade", "h2c, websocket"), ("Connection", "keep-alive, UPGRADE"),
            ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="), ("Sec-WebSocket-Key", "+/+/+/+/+/+/+/+/+/+/+w=="),
        ])
    func otherWays(name: String, value: String) {
        #expect(status(replacing(name, with: [value])) == nil)
    }

    @Test("accepts a list over several header fields, and a body of no bytes")
    func moreHeaders() {
        #expect(status(replacing("Connection", with: ["keep-alive", "Upgrade"])) == nil)
        #expect(status(Self.headers + [("Content-Length", "0")]) == nil)
        #expect(status(Self.headers + [("Sec-WebSocket-Extensions", "permessage-deflate")]) == nil)
    }

    @Test("negotiates no extension that is offered")
    func extensions() {
        let offer =
            Self.headers + [("Sec-WebSocket-Extensions", "permessage-deflate"), ("Sec-WebSocket-Protocol", "chat")]
        guard case .accept(let headers) = WebSocketHandshake.check(request(offer)) else {
            Issue.record("it was rejected")
            return
        }
        #expect(headers.map(\.name) == ["sec-websocket-accept"])
    }

    @Test(
        "rejects a key that is not 16 bytes in Base64",
        arguments: [
            [], ["short"], [""], ["dGhlIHNhbXBsZSBub25jZQ"], ["dGhlIHNhbXBsZSBub25jZQ=a"], ["dGhlIHNhbXBsZSBub25jZ==="],
            ["dGhlIHNhbXBsZSBub25jZSE="], ["dGhlIHNhbXBsZSBub25j Q=="], ["dGhlIHNhbXBsZSBub25j_Q=="],
            ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
            ["dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="],
            ["dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="],
        ])
    func keys(values: [String]) {
        #expect(status(replacing("Sec-WebSocket-Key", with: values)) == .badRequest)
    }

    @Test(
        "asks for version 13",
        arguments: [[], ["12"], ["8"], ["14"], ["013"], ["13, 8"], ["13", "13"], ["thirteen"], [""]])
    func versions(values: [String]) {
        #expect(status(replacing("Sec-WebSocket-Version", with: values)) == .upgradeRequired)
    }

    @Test("asks for an upgrade where there is none", arguments: [[], ["h2c"], ["websockets"]])
    func upgrades(values: [String]) {
        #expect(status(replacing("Upgrade", with: values)) == .upgradeRequired)
    }

    @Test("asks for an upgrade where the connection isn't said to", arguments: [[], ["keep-alive"], ["upgraded"]])
    func connections(values: [String]) {
        #expect(status(replacing("Connection", with: values)) == .upgradeRequired)
    }

    @Test("rejects any number of hosts but one", arguments: [[], ["a", "b"]])
    func hosts(values: [String]) {
        #expect(status(replacing("Host", with: values)) == .badRequest)
    }

    @Test(
        "rejects a body",
        arguments: [
            ("Content-Length", "1"), ("Content-Length", "-1"), ("Content-Length", "x"),
            ("Transfer-Encoding", "chunked"),
        ])
    func bodies(name: String, value: String) {
        #expect(status(Self.headers + [(name, value)]) == .badRequest)
        #expect(status(Self.headers + [("Content-Length", "0"), (name, value)]) == .badRequest)
    }

    @Test("rejects other methods", arguments: [.POST, .HEAD, .PUT, .OPTIONS] as [HTTPMethod])
    func methods(method: HTTPMethod) {
        #expect(status(Self.headers, method: method) == .badRequest)
    }

    @Test("rejects other versions of HTTP", arguments: [.http1_0, .http2, .http0_9] as [HTTPVersion])
    func httpVersions(version: HTTPVersion) {
        #expect(status(Self.headers, version: version) == .badRequest)
    }

    @Test("takes 100 header fields and not one more")
    func headerFields() {
        let padding = (0..<(100 - Self.headers.count)).map { ("X-\($0)", "v") }
        #expect(status(Self.headers + padding) == nil)
        #expect(status(Self.headers + padding + [("X-Last", "v")]) == .requestHeaderFieldsTooLarge)
    }

    private func request(
        _ headers: [(String, String)] = headers, method: HTTPMethod = .GET, version: HTTPVersion = .http1_1
    ) -> HTTPRequestHead {
        HTTPRequestHead(version: version, method: method, uri: "/ws", headers: HTTPHeaders(headers))
    }

    private func replacing(_ name: String, with values: [String]) -> [(String, String)] {
        Self.headers.filter { $0.0 != name } + values.map { (name, $0) }
    }

    /// The status of the rejection; `nil` where the request is accepted.
    private func status(
        _ headers: [(String, String)], method: HTTPMethod = .GET, version: HTTPVersion = .http1_1
    ) -> HTTPResponseStatus? {
        switch WebSocketHandshake.check(request(headers, method: method, version: version)) {
        case .accept: return nil
        case .reject(let status, let reason):
            #expect(!reason.isEmpty)
            return status
        }
    }
}
