import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import Pipeline
import Testing

@testable import Server

@Suite("What a feed sends to a client that can't take everything")
struct ConsoleFeedTests {
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
    }

    /// One who looks, on an event loop whose time stands still.
    private struct Client {
        let channel: EmbeddedChannel
        let feed: ConsoleFeed

        init(of console: Console, canTake: Bool = true) throws {
            var routes = HostRoutes(
                rules: AdmissionRules(
                    pipelines: [try .forTests()],
                    access: AccessRules(isLoopback: true, origins: [], proxies: TrustedProxies(ranges: []))))
            routes.watch = console
            let handler = Handler()
            channel = EmbeddedChannel(handler: handler)
            channel.isWritable = canTake
            let loop = LoopConnections(
                MultiThreadedEventLoopGroup.singleton.next(), limits: HostLimits(), routes: routes,
                metrics: HostMetrics())
            feed = ConsoleFeed(
                ConsoleRequest(label: nil, session: nil, credential: nil, authenticator: nil),
                HTTPRequestHead(version: .http1_1, method: .GET, uri: "/console/events"),
                try channel.pipeline.syncOperations.context(handler: handler), loop: loop,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, ended: {})
            #expect(console.add(feed))
            feed.begin()
            channel.embeddedEventLoop.run()
        }

        /// The types of the events that it got since it was asked last.
        func events() throws -> [String] {
            var types: [String] = []
            while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
                guard case .body(.byteBuffer(let event)) = part else { continue }
                let json = String(buffer: event).dropFirst("data: ".count)
                guard case .object(let members)? = JSONValue(json: String(json)),
                    case .string(let type)? = members["type"]
                else { continue }
                types.append(type)
            }
            return types
        }
    }

    /// As of a host that has run for a minute, so that there is a point at once.
    private let console = Console(since: .now - .seconds(60))

    init() { console.serve([]) }

    @Test("what is served now, once it can take it")
    func outline() throws {
        let client = try Client(of: console)
        defer { client.feed.leave() }
        #expect(try client.events() == ["pipelines", "figures", "point"])
        client.channel.isWritable = false
        console.serve([])
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(try client.events() == [])
        client.channel.isWritable = true
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(try client.events() == ["pipelines", "figures"])
        client.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(try client.events() == ["figures"])
    }

    @Test("the points that it has missed")
    func history() throws {
        let first = try Client(of: console)
        let second = try Client(of: console, canTake: false)
        defer { for client in [first, second] { client.feed.leave() } }
        func pass() {
            for client in [first, second] { client.channel.embeddedEventLoop.advanceTime(by: .seconds(1)) }
        }
        pass()
        #expect(try second.events() == [])
        second.channel.isWritable = true
        pass()
        #expect(try second.events() == ["pipelines", "figures", "history"])
        pass()
        #expect(try second.events() == ["figures"])
    }
}
