import Logging
import NIOCore
import Pipeline
import Synchronization

@testable import Server

/// A client's WebSocket.
struct TestSocket: Sendable {
    let session: String
    let heard: Heard
    let client: NIOLoopBound<Client>

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

    /// Asks several, as `c-1`, `c-2`, ….
    func ask(_ prompts: [String]) {
        for (index, prompt) in prompts.enumerated() { ask(prompt, id: "c-\(index + 1)") }
    }

    func ask(_ prompt: String, id: String) {
        say(#"{"prompt": "\#(prompt)", "id": "\#(id)"}"#)
    }

    func say(_ text: String) { client.eventLoop.execute { client.value.receive(text) } }

    /// Returns once what was said has come.
    func hasSaid() async throws { try await client.eventLoop.submit {}.get() }

    func leave() { client.eventLoop.execute { client.value.leave() } }
}
