import NIOHTTP1
import Testing

@testable import Server

@Suite("Whom a request is for")
struct RequestHostTests {
    private func settled(
        _ uri: String, hosts: [String] = ["localhost"], version: HTTPVersion = .http1_1
    ) throws -> (uri: String, host: [String]) {
        var head = HTTPRequestHead(version: version, method: .GET, uri: uri)
        for host in hosts { head.headers.add(name: "HOST", value: host) }
        try head.settleHost()
        return (head.uri, head.headers["host"])
    }

    @Test(
        "is said by a whole address, whatever the header says",
        arguments: [
            ("http://a.example/x?y=http://b/", "/x?y=http://b/", "a.example"), ("HTTPS://A:1", "/", "A:1"),
            ("http://a?x", "/?x", "a"), ("ws://[::1]:80/ws", "/ws", "[::1]:80"),
        ])
    func wholeAddress(uri: String, path: String, host: String) throws {
        let settled = try settled(uri, hosts: ["other"])
        #expect(settled.uri == path && settled.host == [host])
    }

    @Test("is said by the header otherwise", arguments: ["/", "/x?http://a/", "//a/b", "*"])
    func header(uri: String) throws {
        let settled = try settled(uri)
        #expect(settled.uri == uri && settled.host == ["localhost"])
    }

    @Test(
        "is nobody where the address has none",
        arguments: ["http://", "http:///x", "http://a@b/", "http://a b/", "ftp://a/", "http://[::1]x/"])
    func nobody(uri: String) {
        #expect(throws: HTTPRejection.self) { try settled(uri) }
    }

    @Test("is said once, and by HTTP/1.1 always")
    func number() throws {
        for version in [HTTPVersion.http1_0, .http1_1] {
            #expect(throws: HTTPRejection.self) { try settled("/", hosts: ["a", "a"], version: version) }
        }
        #expect(throws: HTTPRejection.self) { try settled("/", hosts: []) }
        #expect(throws: HTTPRejection.self) { try settled("http://a/", hosts: []) }
        #expect(try settled("/", hosts: [], version: .http1_0).host.isEmpty)
    }
}
