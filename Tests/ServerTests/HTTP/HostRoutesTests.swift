import NIOHTTP1
import Pipeline
import Testing

@testable import Server

@Suite("What needs a key")
struct HostRoutesTests {
    private let pipeline: ServedPipeline
    private let local = Sender(address: "127.0.0.1", isForwarded: false, isLocal: true)
    private let remote = Sender(address: "203.0.113.9", isForwarded: false, isLocal: false)

    init() throws {
        pipeline = try .forTests()
    }

    private func routes(auth: Bool = true, metrics: MetricsRule = .loopback, history: Bool = true) -> HostRoutes {
        let access = AccessRules(isLoopback: false, origins: [], proxies: TrustedProxies(ranges: []))
        let authenticator = Authenticator(keys: [APIKey(key: Secret("key"), user: "ann")])
        let rules = AdmissionRules(
            pipelines: [pipeline], access: access, authenticator: auth ? authenticator : nil)
        return HostRoutes(rules: rules, metrics: metrics, history: history)
    }

    private func head(_ method: HTTPMethod, _ uri: String, token: String? = nil) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: ["Host": "example"])
        if let token { head.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return head
    }

    @Test(
        "a message without a good key is 401 and says what is asked for",
        arguments: [HTTPMethod.POST, .GET], [nil, "wrong"] as [String?])
    func messages(method: HTTPMethod, token: String?) {
        let answer = routes().answer(head(method, "/ws", token: token), from: remote, isStopping: false)
        #expect(answer.status == .unauthorized)
        #expect(answer.headers.first(name: "www-authenticate")?.hasPrefix("Bearer realm=") == true)
        #expect(answer.headers.first(name: "www-authenticate")?.contains("invalid_token") == (token != nil))
        #expect((try? routes().rules.admitMessage(head(method, "/ws", token: token), from: remote)) == nil)
        #expect(!answer.body.contains("wrong"))
    }

    @Test("with a good key a message is the user's")
    func admitted() throws {
        let request = head(.POST, "/ws?username=mallory", token: "key")
        let admission = try routes().rules.admitMessage(request, from: remote)
        #expect(admission.session.userID == "ann")
        #expect(admission.session.username == "ann")
        #expect(admission.session.address == "203.0.113.9")
        let open = try routes(auth: false).rules.admitMessage(head(.POST, "/ws?username=bob"), from: remote)
        #expect(open.session.userID == nil)
        #expect(open.session.username == "bob")
    }

    @Test(
        "metrics have a rule of their own",
        arguments: [
            (MetricsRule.loopback, true, nil, HTTPResponseStatus.ok), (.loopback, false, "key", .forbidden),
            (.auth, true, nil, .unauthorized), (.auth, false, "wrong", .unauthorized), (.auth, false, "key", .ok),
            (.open, false, nil, .ok),
        ] as [(MetricsRule, Bool, String?, HTTPResponseStatus)])
    func metrics(rule: MetricsRule, isLocal: Bool, token: String?, status: HTTPResponseStatus) {
        let routes = routes(metrics: rule)
        let answer = routes.answer(
            head(.GET, "/metrics", token: token), from: isLocal ? local : remote, isStopping: false)
        #expect(answer.status == status)
    }

    @Test("probes and the page need no key")
    func probes() {
        for path in ["/healthz", "/readyz", "/"] {
            #expect(routes().answer(head(.GET, path), from: remote, isStopping: false).status == .ok)
        }
    }

    @Test("a stored session is shown where the settings say so, to who is authenticated")
    func history() throws {
        let id = "5f350470-f5d5-4d96-93db-8d732a78cfc9"
        #expect(try routes(history: false).history(head(.GET, "/sessions/\(id)", token: "key")) == nil)
        #expect(throws: HTTPRejection.self) { try routes().history(head(.GET, "/sessions/\(id)")) }
        #expect(throws: HTTPRejection.self) { try routes().history(head(.GET, "/sessions/\(id)", token: "wrong")) }
        #expect(throws: HTTPRejection.self) {
            try routes().history(head(.GET, "/sessions/\(id)?limit=0", token: "key"))
        }
        #expect(try routes().history(head(.GET, "/sessions/\(id)", token: "key"))?.credential?.identity.userID == "ann")
        #expect(try routes().history(head(.GET, "/sessions/x", token: "key")) == nil)
        #expect(try routes().history(head(.POST, "/sessions/\(id)", token: "key")) == nil)
        let open = try #require(try routes(auth: false).history(head(.GET, "/sessions/\(id)?limit=7")))
        #expect(open.credential == nil && open.limit == 7)
    }
}
