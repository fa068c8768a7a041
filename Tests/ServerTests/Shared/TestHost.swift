import Logging
import NIOCore
import NIOPosix
import Pipeline
import Resources
import Stages
import Synchronization
import TestShared

@testable import Server

/// One of several hosts in this process, which share their sessions by a hub.
final class TestHost: Sendable {
    let kept = Kept()
    let connected = ConnectedConversations()
    let link: SharedMemory
    let pipeline: ServedPipeline
    let shared: SharedSessions
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    /// - Parameters:
    ///   - streams: Whether answers come word by word, a millisecond each.
    ///   - work: What is done with each message.
    init(
        on hub: Hub, maxMessage: Int = 1 << 20, retention: Duration = .seconds(60),
        patience: HostPatience = HostPatience(),
        streams: Bool = false,
        _ work: @escaping @Sendable (inout Message) async throws -> Void
    ) throws {
        link = SharedMemory(to: hub, maxMessage: maxMessage)
        var model = Echo()
        if streams { model.tokensPerSecond = 1_000 }
        let chain = try Chain(resources: ["model": model, "outbox": link]) {
            Receive()
            Work(work)
            Complete(model: "model", stream: streams)
            Respond(stream: streams)
        }
        var entry = Receive(path: "/ws")
        entry.onDisconnect = .hold(retention, shared: "outbox")
        pipeline = ServedPipeline(name: "test", entry: entry, chain: chain)
        shared = try SharedSessions(
            (0, "test"), .init(retention: retention, remember: .seconds(600), limit: 1 << 20), over: link, kept: kept,
            connected: connected, logger: Logger(label: "test"), host: UniqueID.random().description,
            patience: patience)
        kept.shared.set(shared, for: 0)
    }

    /// The process is gone, or cut off.
    func die() { link.cut() }

    private func admission(_ session: String?, after seen: Int?, of user: String?) throws -> Admission {
        let query = [session.map { "session=\($0)" }, seen.map { "after=\($0)" }, "format=json"].compactMap(\.self)
        return try Admission(
            pipeline: pipeline, query: QueryItems(query.joined(separator: "&")[...]), address: nil,
            credential: user.map { .forTests($0) })
    }

    private func claim(_ admission: Admission, isMessage: Bool) async throws {
        guard admission.isSessionGiven else { return }
        let comer = SharedSessions.Comer(admission, isMessage: isMessage) {}
        try await shared.claim(comer, within: .seconds(6), on: loop)?.get()
    }

    /// Opens a WebSocket, as ``ConversationSink`` does.
    func connect(_ session: String? = nil, after seen: Int? = nil, user: String? = nil) async throws -> TestSocket {
        let admission = try admission(session, after: seen, of: user)
        try await claim(admission, isMessage: false)
        let seat = try kept.sessions.seat(
            in: SessionKey(pipeline, admission.session), userID: admission.session.userID, by: admission.credential,
            retainedFor: pipeline.retention, limit: 1 << 20, with: shared, isExpected: admission.isSessionGiven)
        guard let seat else { throw CancellationError() }
        let heard = TestSocket.Heard()
        let socket = try await loop.submit {
            let client = TestSocket.Client(self, admission, seat, heard)
            return TestSocket(
                session: admission.session.id, heard: heard, client: NIOLoopBound(client, eventLoop: self.loop))
        }.get()
        return socket
    }

    /// Posts a message, and returns its frame.
    func post(_ text: String, id: String, session: String, user: String? = nil) async throws -> String {
        let admission = try admission(session, after: nil, of: user)
        try await claim(admission, isMessage: true)
        let answer = loop.makePromise(of: String.self)
        try await loop.submit {
            let comer = SharedSessions.Comer(admission, isMessage: true) {}
            let share = SessionShare(
                sessions: self.shared, session: self.kept.sessions.session(comer.key)?.shared, comer: comer)
            let client = TestSocket.Poster(answer)
            let conversation = Conversation(
                pipeline: LoopPipeline(self.pipeline), session: admission.session, format: .json,
                executor: EventLoopTaskExecutor(self.loop), logger: Logger(label: "test"), kept: self.kept,
                share: share, credential: admission.credential, client: client)
            conversation.receive(#"{"prompt": "\#(text)", "id": "\#(id)"}"#)
        }.get()
        return try await answer.futureResult.get()
    }

    private struct Work: Stage {
        static let name = "work"
        @State var body: @Sendable (inout Message) async throws -> Void = { _ in }

        init() {}

        init(_ body: @escaping @Sendable (inout Message) async throws -> Void) { self.body = body }

        func run(_ message: inout Message) async throws { try await body(&message) }
    }
}

/// A client's WebSocket.
struct TestSocket: Sendable {
    let session: String
    let heard: Heard
    fileprivate let client: NIOLoopBound<Client>

    /// What the client was told.
    final class Heard: Sendable {
        private struct State {
            var frames: [String] = []
            var isClosed = false
            var waiting: [(count: Int, continuation: CheckedContinuation<[String], Never>)] = []
        }

        private let state = Mutex(State())

        func add(_ frame: String) { change { $0.frames.append(frame) } }

        func close() { change { $0.isClosed = true } }

        private func change(_ body: (inout State) -> Void) {
            let ready = state.withLock { state in
                body(&state)
                let ready = state.waiting.filter { $0.count <= state.frames.count || state.isClosed }
                state.waiting.removeAll { $0.count <= state.frames.count || state.isClosed }
                return ready.map { ($0.continuation, state.frames) }
            }
            for (continuation, frames) in ready { continuation.resume(returning: frames) }
        }

        var frames: [String] { state.withLock(\.frames) }

        var isClosed: Bool { state.withLock(\.isClosed) }

        /// Waits for so many frames, the greeting among them, or for the end.
        func frames(_ count: Int) async -> [String] {
            await withCheckedContinuation { continuation in
                let frames = state.withLock { state -> [String]? in
                    if state.frames.count >= count || state.isClosed { return state.frames }
                    state.waiting.append((count, continuation))
                    return nil
                }
                if let frames { continuation.resume(returning: frames) }
            }
        }
    }

    /// As ``ConversationSink`` is, without its connection.
    final class Client: ConversationClient, RetainedClient, ConnectedConversation {
        private let host: TestHost
        private let admission: Admission
        private var seat: SessionSeat
        private let heard: Heard
        private var conversation: Conversation?
        /// The same, also once the client has left.
        private var asked: Conversation?

        init(_ host: TestHost, _ admission: Admission, _ seat: SessionSeat, _ heard: Heard) {
            (self.host, self.admission, self.seat, self.heard) = (host, admission, seat, heard)
            let comer = SharedSessions.Comer(admission, isMessage: true) {}
            let share = seat.session.shared.map { SessionShare(sessions: $0.sessions, session: $0, comer: comer) }
            let conversation = Conversation(
                pipeline: LoopPipeline(host.pipeline), session: admission.session, format: .json,
                executor: EventLoopTaskExecutor(host.loop), logger: Logger(label: "test"), retained: seat.session,
                kept: host.kept, share: share, credential: admission.credential, client: self)
            self.conversation = conversation
            asked = conversation
            host.connected.add(
                NIOLoopBound(self, eventLoop: host.loop), of: SessionKey(host.pipeline, admission.session))
            let bound = NIOLoopBound<any RetainedClient>(self, eventLoop: host.loop)
            let (missed, generation) = seat.session.attach(bound, after: admission.seen ?? .max)
            self.seat.generation = generation
            if seat.isKnown, let seen = admission.seen {
                heard.add("resumed after \(seen)")
                for text in missed { heard.add(text) }
            } else {
                conversation.begin()
            }
        }

        func receive(_ text: String) { conversation?.receive(text) }

        func leave() {
            guard let conversation else { return }
            if conversation.outlivesClient {
                conversation.resume(with: Absent(seat.session))
            } else {
                conversation.end()
            }
            seat.session.detach(seat.generation, at: .now())
            self.conversation = nil
        }

        func send(_ frame: ServerFrame) { seat.session.deliver(frame, for: seat.generation) }
        func conversationIsIdle() {}
        func write(_ frame: NumberedFrame) { heard.add(frame.text) }

        func giveWay() {
            heard.close()
            leave()
        }

        func cancelElsewhere(_ clientID: String) {
            guard let shared = seat.session.shared else { return }
            host.shared.cancelElsewhere(clientID, of: shared, userID: admission.session.userID)
        }

        func cancel(_ clientID: String, of userID: String?) { _ = asked?.cancel(clientID) }
    }

    /// As ``DetachedClient`` is.
    private final class Absent: ConversationClient {
        private let session: RetainedSession

        init(_ session: RetainedSession) { self.session = session }

        func send(_ frame: ServerFrame) { session.deliver(frame) }
        func conversationIsIdle() {}
    }

    /// As ``HTTPExchange`` is.
    final class Poster: ConversationClient {
        private let answer: EventLoopPromise<String>

        init(_ answer: EventLoopPromise<String>) { self.answer = answer }

        func send(_ frame: ServerFrame) {
            if frame.kind != .delta { answer.succeed(frame.text(sequence: 1)) }
        }

        func conversationIsIdle() {}
    }

    func ask(_ prompt: String, id: String) {
        say(#"{"prompt": "\#(prompt)", "id": "\#(id)"}"#)
    }

    func say(_ text: String) { client.eventLoop.execute { client.value.receive(text) } }

    /// Returns once what was said has come.
    func hasSaid() async throws { try await client.eventLoop.submit {}.get() }

    func leave() { client.eventLoop.execute { client.value.leave() } }
}

/// Holds messages up until they may go on, and counts them.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var begun: [String] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watching: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var begun: [String] { state.withLock(\.begun) }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once so many messages have come.
    func come(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.begun.count < count { state.watching.append((count, continuation)) }
                return state.begun.count >= count
            }
            if isThere { continuation.resume() }
        }
    }

    func pass(_ message: Message) async {
        let watching = state.withLock { state in
            state.begun.append(message.prompt)
            defer { state.watching.removeAll { $0.count <= state.begun.count } }
            return state.watching.filter { $0.count <= state.begun.count }
        }
        for (_, continuation) in watching { continuation.resume() }
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
