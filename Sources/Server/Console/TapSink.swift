import NIOCore
import Pipeline
import Synchronization

/// Takes what a tap sees, on the threads of the messages, and hands on what somebody can read: no more than so many messages a
/// second, and no more bytes than so many at the same time. The rest is counted.
final class TapSink: Sendable {
    /// How many messages a second are shown.
    static let rate = 200
    /// Bytes that wait for the feed's event loop.
    fileprivate static let longestWait = 256 << 10
    /// How much of a prompt or an answer is shown.
    private static let longestText = 16 << 10

    fileprivate struct State {
        var left = TapSink.rate
        var since = ContinuousClock.now
        var waiting = 0
        var omitted = 0
    }

    private let state = Mutex(State())
    private let session: String?
    let showsContent: Bool
    private let redact: Redaction
    private let show: @Sendable (ByteBuffer, TapSink) -> Void

    /// - Parameters:
    ///   - session: The one whose messages are shown; `nil` for all.
    ///   - show: Takes an event, and hands it to the feed on its event loop.
    init(
        of session: String?, showsContent: Bool, _ redact: Redaction,
        show: @escaping @Sendable (ByteBuffer, TapSink) -> Void
    ) {
        (self.session, self.showsContent, self.redact, self.show) = (session, showsContent, redact, show)
    }

    func look(_ sight: StepTap.Sight, at label: String, of pipeline: String) {
        if let session, !sight.message.session.id.isExactly(session) { return }
        guard state.withLock({ $0.take() }) else { return }
        let event = ConsoleEvent.buffer(text(of: sight, at: label, of: pipeline))
        guard state.withLock({ $0.add(event.readableBytes) }) else { return }
        show(event, self)
    }

    /// An event was sent, or dropped.
    func sent(_ bytes: Int) { state.withLock { $0.waiting -= bytes } }

    func omit() { state.withLock { $0.omitted += 1 } }

    /// How many messages were not shown since it was asked last.
    func takeOmitted() -> Int {
        state.withLock { state in
            defer { state.omitted = 0 }
            return state.omitted
        }
    }

    private func text(of sight: StepTap.Sight, at label: String, of pipeline: String) -> String {
        let message = sight.message
        var event = JSONMembers(type: "message")
        event.add("time", .string(Timestamp.now.description))
        event.add("pipeline", .string(pipeline))
        event.add("stage", .string(label))
        event.add("message_id", .string(message.id.description))
        event.add("session_id", .string(message.session.id))
        event.add("took", raw: ConsoleNumber.text(Double(sight.nanoseconds) / 1e9, digits: 1e6))
        event.add("outcome", .string(sight.error?.code.rawValue ?? "ok"))
        guard showsContent else { return event.text }
        if let error = sight.error { event.add("error", .string(shown(error.message))) }
        event.add("prompt", .string(shown(message.prompt)))
        if let completion = message.completion { event.add("response", .string(shown(completion.text))) }
        return event.text
    }

    private func shown(_ text: String) -> String {
        guard text.utf8.count > TapSink.longestText else { return redact(text) }
        // Taking secrets out takes long for what is long; one that the cut goes through must be seen whole.
        let part = redact(String(text.unicodeScalars.prefix(TapSink.longestText)))
        return String(part.unicodeScalars.prefix(TapSink.longestText / 2)) + "…"
    }
}

extension TapSink.State {
    /// Whether one more may be shown in this second.
    fileprivate mutating func take() -> Bool {
        if left == 0 {
            let now = ContinuousClock.now
            guard now - since >= .seconds(1) else {
                omitted += 1
                return false
            }
            (left, since) = (TapSink.rate, now)
        }
        left -= 1
        return true
    }

    fileprivate mutating func add(_ bytes: Int) -> Bool {
        guard waiting + bytes <= TapSink.longestWait else {
            omitted += 1
            return false
        }
        waiting += bytes
        return true
    }
}
