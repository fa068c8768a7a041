import NIOHTTP1
import Pipeline
import Resources
import Stages
import Testing

@testable import Server

@Suite("What pages of other origins may do")
struct SharedAnswerTests {
    private let routes: HostRoutes
    private let sender = Sender(address: "203.0.113.9", isForwarded: false, isLocal: false)

    init() throws {
        let chain = try Chain(resources: ["model": Echo()]) {
            Receive()
            Complete()
            Respond()
        }
        let rules = AdmissionRules(
            pipelines: [ServedPipeline(name: "test", entry: Receive(path: "/ws"), chain: chain)],
            access: AccessRules(
                isLoopback: false, origins: ["https://chat.example"], proxies: TrustedProxies(ranges: [])),
            authenticator: Authenticator(keys: [APIKey(key: Secret("key"), user: nil)]))
        routes = HostRoutes(rules: rules, history: true)
    }

    private func head(
        _ method: HTTPMethod, _ uri: String, origin: String? = "https://chat.example", asks: String? = nil
    ) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: ["Host": "api.example"])
        if let origin { head.headers.add(name: "Origin", value: origin) }
        if let asks { head.headers.add(name: "Access-Control-Request-Method", value: asks) }
        return head
    }

    @Test("is asked without a key", arguments: [("/ws", "POST"), ("/sessions/x", "GET")])
    func preflight(uri: String, method: String) {
        let answer = routes.answer(head(.OPTIONS, uri, asks: method), from: sender, isStopping: false)
        #expect(answer.status == .noContent)
        #expect(answer.headers.first(name: "access-control-allow-methods")?.contains(method) == true)
        #expect(!answer.headers.contains(name: "access-control-allow-credentials"))
    }

    @Test("is not said of other pages, nor to other origins")
    func others() {
        for uri in ["/", "/metrics", "/nowhere"] {
            #expect(routes.answer(head(.OPTIONS, uri, asks: "GET"), from: sender, isStopping: false).status.code >= 400)
            #expect(routes.sharing(head(.GET, uri)).isEmpty)
        }
        let evil = head(.OPTIONS, "/ws", origin: "https://evil.example", asks: "POST")
        #expect(routes.answer(evil, from: sender, isStopping: false).status == .forbidden)
        #expect(routes.sharing(evil).map(\.name) == ["vary"])
    }

    @Test("is to read answers, of what is listed and no more")
    func sharing() {
        let shared = routes.sharing(head(.POST, "/ws"))
        #expect(shared["access-control-allow-origin"] == ["https://chat.example"])
        #expect(shared["access-control-expose-headers"] == ["Stagecoach-Session"])
        #expect(shared["vary"] == ["Origin"])
        #expect(routes.sharing(head(.POST, "/ws", origin: nil)).map(\.name) == ["vary"])
        #expect(routes.sharing(head(.POST, "/ws", origin: "https://api.example")).map(\.name) == ["vary"])
    }

    @Test(
        "has nothing to do with what is a handshake: one where there is a WebSocket",
        arguments: [
            (HTTPMethod.GET, "/ws", "websocket", true), (.GET, "/ws", "h2c, WebSocket", true),
            (.GET, "/ws", "h2c", false), (.POST, "/ws", "websocket", false), (.GET, "/healthz", "websocket", false),
        ])
    func handshakes(method: HTTPMethod, uri: String, upgrade: String, isOne: Bool) {
        var head = head(method, uri)
        #expect(!routes.rules.isHandshake(head))
        head.headers.add(name: "Upgrade", value: upgrade)
        #expect(routes.rules.isHandshake(head) == isOne)
    }
}
