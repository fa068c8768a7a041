import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import Pipeline
import Resources
import Synchronization
import Testing

@testable import Server

@Suite("A host that begins to stop")
struct StoppingTests {
    @Test("while it says that it is ready does not close after that, and says the next time that it stops")
    func readiness() async throws {
        let health = HealthThatActs()
        let pipeline = try ServedPipeline.forTests(with: ["model": Echo(), "other": health])
        let access = AccessRules(isLoopback: true, origins: [], proxies: TrustedProxies(ranges: []))
        let routes = HostRoutes(rules: AdmissionRules(pipelines: [pipeline], access: access))
        let group = MultiThreadedEventLoopGroup.singleton
        let connections = try await Connections(
            group: group, limits: HostLimits(), proxies: TrustedProxies(ranges: []),
            routes: routes)
        health.action.body.withLock { $0 = connections.refuseClients }

        let channel = EmbeddedChannel()
        let loop = LoopConnections(group.next(), limits: HostLimits(), routes: routes, metrics: HostMetrics())
        let gate = ConnectionGate(
            connections: connections, loop: loop, slot: nil)
        try channel.pipeline.syncOperations.addHandler(
            HTTPRequestHandler(gate: gate, feeder: nil, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        )

        let ready = try answer(of: channel)
        #expect(ready.status == .ok && ready.headers["connection"].isEmpty)
        let stopping = try answer(of: channel)
        #expect(stopping.status == .serviceUnavailable && stopping.headers["connection"] == ["close"])
    }

    private func answer(of channel: EmbeddedChannel) throws -> HTTPResponseHead {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/readyz", headers: ["Host": "localhost"])
        try channel.writeInbound(HTTPServerRequestPart.head(head))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        var answer: HTTPResponseHead?
        while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
            if case .head(let head) = part { answer = head }
        }
        return try #require(answer)
    }
}

/// Does something while it is asked how it is.
private struct HealthThatActs: Resource {
    static let name = "health-that-acts"
    @State var action = Action()

    final class Action: Sendable {
        let body = Mutex<@Sendable () -> Void>({})
    }

    var health: Health {
        action.body.withLock(\.self)()
        return .ready
    }
}
