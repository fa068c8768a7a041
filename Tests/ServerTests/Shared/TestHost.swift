import Logging
import NIOCore
import NIOPosix
import Pipeline
import Resources
import Stages
import TestShared
import Testing

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
        patience: HostPatience = HostPatience(), bounds: SharedSessions.Bounds = .init(),
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
            patience: patience, bounds: bounds)
        kept.shared.set(shared, for: 0)
    }

    /// What all hosts know of a session.
    func record(_ session: String) async throws -> SessionRecord? {
        try await shared.values.get(session).flatMap { SessionRecord($0.bytes) }
    }

    /// Waits until the other hosts know something of a session.
    func written(_ session: String, _ isSo: (SessionRecord) -> Bool) async throws {
        for _ in 0..<10_000 {
            if let record = try await record(session), isSo(record) { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        Issue.record("it was not written")
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
