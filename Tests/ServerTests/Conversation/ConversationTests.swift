import Glibc
import Logging
import NIOCore
import NIOPosix
import Pipeline
import Resources
import Stages
import Synchronization
import Testing

@testable import Server

@Suite("A conversation")
struct ConversationTests {
    /// Runs what a test gives it.
    private struct Probe: Stage {
        static let name = "probe"
        @State var body: @Sendable (inout Message) async throws -> Void = { _ in }

        init() {}

        init(_ body: @escaping @Sendable (inout Message) async throws -> Void) { self.body = body }

        func run(_ message: inout Message) async throws { try await body(&message) }
    }

    /// Notes what is said, up to a number of frames.
    private final class Listener: ConversationClient {
        private var said: [String] = []
        private let wanted: Int
        private let all: EventLoopPromise<[String]>

        init(until wanted: Int, _ all: EventLoopPromise<[String]>) {
            self.wanted = wanted
            self.all = all
        }

        func send(_ frame: ServerFrame) {
            said.append(frame.text(sequence: said.count + 1))
            if said.count == wanted { all.succeed(said) }
        }

        func conversationIsIdle() {}
    }

    /// Sends frames through a chain on a real event loop and returns what is said until the conversation is idle.
    private func replies(to frames: [String], @Chain.Builder _ steps: () -> [Chain.Step]) async throws -> [String] {
        let chain = try Chain(resources: ["model": Echo()], steps)
        try await chain.open()
        let pipeline = ServedPipeline(name: "test", entry: Receive(path: "/ws"), chain: chain)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let idle = loop.makePromise(of: [String].self)
        try await loop.submit {
            let conversation = Conversation(
                pipeline: LoopPipeline(pipeline), session: Session(), format: .text,
                executor: EventLoopTaskExecutor(loop),
                logger: Logger(label: "test"), client: Listener(until: frames.count, idle))
            for frame in frames { conversation.receive(frame) }
        }.get()
        let said = try await idle.futureResult.get()
        await chain.close()
        return said
    }

    @Test("a message never leaves its connection's thread, also after a stage has waited")
    func thread() async throws {
        let threads = Mutex<Set<UInt>>([])
        let note: @Sendable (inout Message) async throws -> Void = { _ in
            threads.withLock { _ = $0.insert(UInt(pthread_self())) }
        }
        let said = try await replies(to: ["a", "b"]) {
            Receive()
            Probe(note)
            Probe { _ in try await Task.sleep(for: .milliseconds(1)) }
            Probe(note)
            Complete()
            Respond()
        }
        #expect(said == ["a", "b"])
        #expect(threads.withLock(\.count) == 1)
    }

    @Test("messages are worked on one at a time, in order")
    func order() async throws {
        let running = Mutex((now: 0, most: 0))
        let frames = (0..<20).map(String.init)
        let said = try await replies(to: frames) {
            Receive()
            Probe { _ in
                running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                await Task.yield()
                running.withLock { $0.now -= 1 }
            }
            Complete()
            Respond()
        }
        #expect(said == frames)
        #expect(running.withLock(\.most) == 1)
    }

    @Test("a thousand messages that end at once do not grow the stack")
    func depth() async throws {
        let frames = (0..<1_000).map(String.init)
        #expect(
            try await replies(to: frames) {
                Receive(); Complete(); Respond()
            } == frames)
    }

    @Test("an error is the answer, and an answer that was given already is not followed by one")
    func errors() async throws {
        let said = try await replies(to: ["fail", "late", "fine"]) {
            Receive()
            Probe { if $0.prompt == "fail" { throw PipelineError(.stageFailed, "broken") } }
            Complete()
            Respond()
            Probe { if $0.prompt == "late" { throw PipelineError(.stageFailed, "too late to tell") } }
        }
        #expect(said == ["broken", "late", "fine"])
    }

    @Test("a reply stage behind a queue answers in order too")
    func background() async throws {
        let frames = (0..<50).map(String.init)
        #expect(
            try await replies(to: frames) {
                Receive(); Complete(); Respond().async()
            } == frames)
    }
}
