import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import Pipeline
import Testing

@testable import Server

@Suite("The time for a request", .timeLimit(.minutes(1)))
struct PostDeadlineTests {
    /// Answers nobody until it is cancelled.
    private struct Silent: Model {
        static let name = "silent"
        @State var begun = AsyncStream<Void>.makeStream()

        func complete(_ request: CompletionRequest) async throws -> Completion {
            begun.continuation.yield()
            try await Task.sleep(for: .seconds(3_600))
            throw CancellationError()
        }
    }

    private func channel(asking model: Silent) async throws -> NIOAsyncTestingChannel {
        let pipeline = try ServedPipeline.forTests(with: ["model": model])
        let access = AccessRules(isLoopback: true, origins: [], proxies: TrustedProxies(ranges: []))
        let routes = HostRoutes(rules: AdmissionRules(pipelines: [pipeline], access: access))
        let connections = try await Connections(
            group: MultiThreadedEventLoopGroup.singleton, limits: HostLimits(), proxies: TrustedProxies(ranges: []),
            routes: routes)
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        try await channel.testingEventLoop.executeInContext {
            let loop = LoopConnections(
                channel.testingEventLoop, limits: HostLimits(), routes: routes, metrics: HostMetrics())
            let gate = ConnectionGate(
                connections: connections, loop: loop, slot: nil)
            try channel.pipeline.syncOperations.addHandler(
                HTTPRequestHandler(
                    gate: gate, feeder: nil, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        }
        return channel
    }

    private func ask(_ method: HTTPMethod, _ uri: String, accept: String = "*/*", on channel: NIOAsyncTestingChannel)
        async throws
    {
        let head = HTTPRequestHead(
            version: .http1_1, method: method, uri: uri,
            headers: ["Host": "localhost", "Accept": accept])
        try await channel.writeInbound(HTTPServerRequestPart.head(head))
        if method == .POST {
            try await channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: #"{"prompt": "x"}"#)))
        }
        try await channel.writeInbound(HTTPServerRequestPart.end(nil))
    }

    /// What was written: statuses and bodies.
    private func written(_ channel: NIOAsyncTestingChannel) async throws -> [String] {
        var parts: [String] = []
        while let part = try await channel.readOutbound(as: HTTPServerResponsePart.self) {
            switch part {
            case .head(let head): parts.append("\(head.status.code) \(head.headers["x-accel-buffering"])")
            case .body(.byteBuffer(let bytes)): parts.append(String(buffer: bytes))
            default: break
            }
        }
        return parts
    }

    @Test("has its time from its first byte on; before that the connection is kept")
    func later() async throws {
        let channel = try await channel(asking: Silent())
        try await ask(.GET, "/healthz", on: channel)
        await channel.testingEventLoop.advanceTime(by: .seconds(599))
        #expect(channel.isActive)
        try await ask(.GET, "/healthz", on: channel)
        try await begin(#"{"prompt": ""#, length: 100, on: channel)
        await channel.testingEventLoop.advanceTime(by: .seconds(9))
        #expect(channel.isActive)
        await channel.testingEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test("is 10 minutes away at most on a connection that was of use")
    func idle() async throws {
        let channel = try await channel(asking: Silent())
        try await ask(.GET, "/healthz", on: channel)
        await channel.testingEventLoop.advanceTime(by: .seconds(600))
        #expect(!channel.isActive)
    }

    @Test("is followed by a header after 10 s of silence, where events are asked for, and by a comment every 15 s")
    func silence() async throws {
        let model = Silent()
        let channel = try await channel(asking: model)
        try await ask(.POST, "/ws", accept: "text/event-stream", on: channel)
        for await _ in model.begun.stream { break }
        await channel.testingEventLoop.advanceTime(by: .milliseconds(9_999))
        #expect(try await written(channel).isEmpty)
        await channel.testingEventLoop.advanceTime(by: .milliseconds(1))
        #expect(try await written(channel) == [#"200 ["no"]"#])
        for _ in 0..<3 {
            await channel.testingEventLoop.advanceTime(by: .milliseconds(14_999))
            #expect(try await written(channel).isEmpty)
            await channel.testingEventLoop.advanceTime(by: .milliseconds(1))
            #expect(try await written(channel) == [":\n\n"])
        }
        try await channel.close()
    }

    private func begin(_ body: String, length: Int, on channel: NIOAsyncTestingChannel) async throws {
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: "/ws",
            headers: ["Host": "localhost", "Content-Length": "\(length)"])
        try await channel.writeInbound(HTTPServerRequestPart.head(head))
        try await channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: body)))
    }

    @Test("is over once it came whole: its stages may take longer than a handshake")
    func slowStages() async throws {
        let model = Silent()
        let channel = try await channel(asking: model)
        let body = #"{"prompt": "x"}"#
        try await begin(body, length: body.utf8.count, on: channel)
        try await channel.writeInbound(HTTPServerRequestPart.end(nil))
        for await _ in model.begun.stream { break }
        await channel.testingEventLoop.advanceTime(by: .seconds(25))
        #expect(channel.isActive)
        try await channel.close()
    }

    @Test("is not lengthened by the bytes of its body")
    func slowBody() async throws {
        let channel = try await channel(asking: Silent())
        try await begin(#"{"prompt": ""#, length: 100, on: channel)
        await channel.testingEventLoop.advanceTime(by: .seconds(9))
        try await channel.writeInbound(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
        #expect(channel.isActive)
        await channel.testingEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }
}
