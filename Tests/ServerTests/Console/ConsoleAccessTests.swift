import NIOHTTP1
import Pipeline
import Testing

@testable import Server

@Suite("Who may see the console")
struct ConsoleAccessTests {
    private let pipeline: ServedPipeline
    private let authenticator = Authenticator(keys: [
        APIKey(key: Secret("key-of-ann"), user: "ann"),
        APIKey(key: Secret("key-of-op"), user: "op", isOperator: true),
    ])

    init() throws { pipeline = try .forTests() }

    private func routes(
        _ console: ConsoleRule, _ tap: TapRule = .ids, auth: Bool = true, origins: [String] = []
    ) -> HostRoutes {
        let access = AccessRules(isLoopback: false, origins: origins, proxies: TrustedProxies(ranges: []))
        let rules = AdmissionRules(pipelines: [pipeline], access: access, authenticator: auth ? authenticator : nil)
        return HostRoutes(rules: rules, console: console, tap: tap)
    }

    private func status(
        _ routes: HostRoutes, _ uri: String = "/console/events", peer: String = "127.0.0.1", host: String = "localhost",
        token: String? = nil, version: HTTPVersion = .http1_1, fields: HTTPHeaders = [:]
    ) -> HTTPResponseStatus {
        var head = HTTPRequestHead(version: version, method: .GET, uri: uri, headers: ["Host": host])
        head.headers.add(contentsOf: fields)
        if let token { head.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let sender = routes.rules.access.sender(of: head, peer: peer)
        do throws(HTTPRejection) {
            return try routes.feed(head, from: sender) == nil ? .noContent : .ok
        } catch {
            return error.status
        }
    }

    @Test("'loopback' is a peer and a host of loopback, and no proxy between")
    func loopback() {
        let routes = routes(.loopback)
        #expect(status(routes) == .ok)
        for host in ["127.0.0.1:8080", "[::1]:8080", "LOCALHOST"] { #expect(status(routes, host: host) == .ok) }
        for host in ["example.org", "localhost.example.org", "127.0.0.1.example.org"] {
            #expect(status(routes, host: host) == .forbidden)
        }
        #expect(status(routes, peer: "203.0.113.9") == .forbidden)
        #expect(status(routes, peer: "203.0.113.9", token: "key-of-op") == .forbidden)
        for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via"] {
            #expect(status(routes, fields: [name: "127.0.0.1"]) == .forbidden)
        }
    }

    @Test("'loopback' is no HTTP/1.0, which a proxy without any header speaks; 'auth' may be")
    func oldVersion() {
        #expect(status(routes(.loopback), host: "127.0.0.1:8080", version: .http1_0) == .forbidden)
        #expect(status(routes(.auth), host: "127.0.0.1:8080", token: "key-of-op", version: .http1_0) == .ok)
    }

    @Test("'auth' is an operator's key, whoever sends it")
    func auth() {
        let routes = routes(.auth)
        #expect(status(routes) == .unauthorized)
        #expect(status(routes, token: "wrong") == .unauthorized)
        #expect(status(routes, token: "key-of-ann") == .forbidden)
        #expect(status(routes, peer: "203.0.113.9", host: "example.org", token: "key-of-op") == .ok)
        #expect(status(self.routes(.auth, auth: false)) == .forbidden)
    }

    @Test("'off' is not there")
    func off() { #expect(status(routes(.off), token: "key-of-op") == .notFound) }

    @Test("no page of another origin may, listed or not, and nothing that one embeds")
    func pages() {
        let routes = routes(.loopback, origins: ["https://chat.example"])
        #expect(status(routes, host: "localhost:8080", fields: ["Origin": "http://localhost:8080"]) == .ok)
        #expect(status(routes, fields: ["Origin": "https://chat.example"]) == .forbidden)
        #expect(status(routes, fields: ["Origin": "null"]) == .forbidden)
        #expect(status(routes, fields: ["Sec-Fetch-Site": "cross-site"]) == .forbidden)
        #expect(status(routes, fields: ["Sec-Fetch-Site": "same-origin"]) == .ok)
    }

    @Test("messages are asked for by a label that there is, where they are shown at all")
    func taps() {
        #expect(status(routes(.loopback), "/console/events?tap=complete") == .ok)
        #expect(status(routes(.loopback), "/console/events?tap=*&session=x") == .ok)
        #expect(status(routes(.loopback), "/console/events?tap=nothing") == .badRequest)
        #expect(status(routes(.loopback, .off), "/console/events?tap=complete") == .forbidden)
        #expect(status(routes(.loopback, .off)) == .ok)
    }

    @Test("who has a feed keeps it while the rules let it in")
    func kept() throws {
        let credential = try authenticator.credential(for: "key-of-op")
        func request(_ label: String?, _ credential: ClientCredential?) -> ConsoleRequest {
            ConsoleRequest(label: label, session: nil, credential: credential, authenticator: authenticator)
        }
        #expect(routes(.auth).stillAdmits(request(nil, credential)))
        #expect(!routes(.off).stillAdmits(request(nil, credential)))
        #expect(!routes(.auth, .off).stillAdmits(request("complete", credential)))
        #expect(!routes(.auth).stillAdmits(request(nil, nil)))
        let others = Authenticator(keys: [APIKey(key: Secret("key-of-op"), user: "op")])
        var changed = routes(.auth)
        changed.rules.authenticator = others
        #expect(!changed.stillAdmits(request(nil, credential)))
    }

    @Test("other paths are no feed")
    func others() {
        #expect(status(routes(.loopback), "/console") == .noContent)
        #expect(status(routes(.loopback), "/console/eventsx") == .noContent)
    }
}
