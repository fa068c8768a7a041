import NIOHTTP1
import Pipeline
import Testing

@testable import Server

@Suite("Who may speak to the host")
struct AccessTests {
    private func isAllowed(host: String, origin: [String] = [], loopback: Bool = true, origins: [String] = []) -> Bool {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws", headers: ["Host": host])
        for value in origin { head.headers.add(name: "Origin", value: value) }
        do throws(HTTPRejection) {
            try AccessRules(isLoopback: loopback, origins: origins, proxies: TrustedProxies(ranges: [])).check(head)
            return true
        } catch {
            return false
        }
    }

    @Test(
        "on loopback only loopback names are answered",
        arguments: [
            ("127.0.0.1:8080", true), ("localhost", true), ("LOCALHOST:1", true), ("[::1]:8080", true),
            ("127.9.9.9", true), ("evil.example", false), ("127.0.0.1.evil.example", false), ("localhost.evil", false),
            ("", false), ("127.0.0", false), ("127.0.0.256", false), ("[::1]x", false), ("[::1]80", false),
        ])
    func names(host: String, allowed: Bool) {
        #expect(isAllowed(host: host) == allowed)
        #expect(isAllowed(host: host, loopback: false))
    }

    @Test(
        "a web page may connect from the host's own origin and from those that are listed, exactly",
        arguments: [
            ("http://localhost:8080", true), ("https://localhost:8080", true), ("https://app.example", true),
            ("http://app.example", false), ("https://app.example:8443", false), ("https://APP.example", false),
            ("https://app.example.evil", false), ("https://evil-app.example", false), ("null", false),
            ("http://localhost", false), ("http://localhost:80", false), ("http://localhost:80800", false),
            ("http://localhost:8080.evil.example", false), ("http://localhost:8080@evil.example", false),
            ("http://localhost:8080/", false), ("https://app.example/", false), ("https://app.example:443", false),
            ("HTTPS://app.example", false), ("https://app.example.", false), ("https://user@app.example", false),
            ("app.example", false), ("//app.example", false), ("", false), ("https://app.example evil", false),
            ("https://sub.app.example", false), ("ws://localhost:8080", false), ("file://", false),
        ])
    func origins(origin: String, allowed: Bool) {
        #expect(
            isAllowed(host: "localhost:8080", origin: [origin], origins: ["https://app.example"]) == allowed)
    }

    @Test(
        "the port that belongs to the scheme and the case make no other origin",
        arguments: [
            ("chat.example:443", "https://chat.example", true), ("CHAT.Example", "https://chat.example:443", true),
            ("chat.example:80", "http://chat.example", true), ("[::1]:443", "https://[::1]", true),
            ("chat.example:443", "http://chat.example", false), ("chat.example:80", "https://chat.example", false),
            ("chat.example", "https://chat.example:8443", false), ("chat.example.", "https://chat.example", false),
        ])
    func ownOrigin(host: String, origin: String, allowed: Bool) {
        #expect(isAllowed(host: host, origin: [origin], loopback: false) == allowed)
    }

    @Test("behind a proxy of this machine the host answers to the name of a site whose pages may connect")
    func nameOfTheSite() {
        #expect(isAllowed(host: "app.example", origin: ["https://app.example"], origins: ["https://app.example"]))
        #expect(isAllowed(host: "APP.example:443", origins: ["https://app.example"]))
        #expect(!isAllowed(host: "app.example:8080", origins: ["https://app.example"]))
        #expect(!isAllowed(host: "evil.example", origins: ["https://app.example"]))
    }

    @Test("of several origins each must be allowed")
    func severalOrigins() {
        #expect(!isAllowed(host: "localhost", origin: ["http://localhost", "http://evil.example"]))
    }

    @Test("a query is form-encoded and its first value counts")
    func query() {
        let target = RequestTarget("/ws?username=J%C3%BCrgen+K&username=other&flag&session=%zz")
        #expect(target.path == "/ws")
        #expect(target.query["username"] == "Jürgen K")
        #expect(target.query["flag"] == "")
        #expect(target.query["session"] == "%zz")
        #expect(target.query["format"] == nil)
    }
}
