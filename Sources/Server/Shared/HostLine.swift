import Pipeline
import Synchronization

/// A host's line to the other hosts of a pipeline: questions with their answers, and messages in their order.
final class HostLine: Sendable {
    /// What this host is called among them, until its process ends.
    let host: String
    let link: any SharedLink
    private let subject: String
    private let receive: @Sendable (HostMessage) -> Void
    private let joiner = HostParts.Joiner()
    private let numbers = Atomic<UInt64>(UInt64.random(in: 0..<1 << 40))

    private struct State {
        var listening: (any SharedListening)?
        var questions: [Int: @Sendable ([String: JSONValue]?) -> Void] = [:]
        /// Hosts that were not there when they were asked, and since when that is known.
        var dead: [String: ContinuousClock.Instant] = [:]
    }

    private let state = Mutex(State())

    /// How long a host must be silent until it counts as dead: its connection may be about to be made again.
    private static let patience: Duration = .seconds(2)
    /// How long this host must have been connected until it says so of another.
    private static let grace: Duration = .seconds(6)
    /// For how long that is taken for granted.
    private static let memory: Duration = .seconds(3)

    /// - Parameters:
    ///   - host: What this host is called.
    ///   - pipeline: Whose sessions are spoken of.
    ///   - receive: Takes what other hosts say, on the link's thread.
    init(_ link: any SharedLink, host: String, pipeline: String, receive: @escaping @Sendable (HostMessage) -> Void) {
        (self.link, self.host, self.receive) = (link, host, receive)
        subject = "\(link.prefix)-shared.\(SharedName.escaped(pipeline))"
    }

    func start() throws(SharedFailure) {
        let listening = try link.listen(on: "\(subject).\(host)") { [weak self] bytes, reply in self?.hear(bytes, reply)
        }
        state.withLock { $0.listening = listening }
    }

    func stop() { state.withLock { $0.listening.take() }?.cancel() }

    /// Whether it hears the others.
    var isListening: Bool { state.withLock { $0.listening != nil } }

    /// Whether a host was found dead just now.
    func isDead(_ host: String) -> Bool {
        state.withLock { $0.dead[host].map { .now - $0 < Self.memory } ?? false }
    }

    func nextNumber() -> Int { Int(numbers.add(1, ordering: .relaxed).newValue) }

    private func hear(_ bytes: [UInt8], _ reply: String?) {
        if let reply { link.send([], to: reply) }
        guard let whole = joiner.add(bytes), let message = HostMessage(whole) else { return }
        switch message.kind {
        case .ping: break
        case .reply:
            let waiting = state.withLock { $0.questions.removeValue(forKey: message.number) }
            waiting?(message.members)
        default: receive(message)
        }
    }

    /// Says something to a host, after what was said to it before.
    func tell(_ host: String, _ message: HostMessage) {
        let number = numbers.add(1, ordering: .relaxed).newValue
        for part in HostParts.of(message.bytes, number: number, upTo: link.maxMessage) {
            link.send(part, to: "\(subject).\(host)")
        }
    }

    /// Answers a question.
    func answer(_ question: HostMessage, _ members: [String: JSONValue]) {
        tell(
            question.from,
            HostMessage(.reply, from: host, session: question.session, number: question.number, members))
    }

    /// Asks a host something.
    ///
    /// - Parameters:
    ///   - host: Which one.
    ///   - message: The question, with a number of its own.
    ///   - limit: How long the answer may take.
    /// - Throws: ``SharedFailure/nobody`` where the host is dead.
    func ask(
        _ host: String, _ message: HostMessage, within limit: Duration = .seconds(2)
    ) async throws(SharedFailure) -> [String: JSONValue] {
        let race = FirstAnswer()
        state.withLock { $0.questions[message.number] = { race.finish($0) } }
        defer { state.withLock { _ = $0.questions.removeValue(forKey: message.number) } }
        try await reach(host, [0] + message.bytes)
        let timer = Task {
            try? await Task.sleep(for: limit)
            race.finish(nil)
        }
        defer { timer.cancel() }
        guard let answer = await race.value else { throw .away }
        return answer
    }

    /// Whether a host is there; `nil` where that can't be told.
    func isAlive(_ host: String) async -> Bool? {
        do throws(SharedFailure) {
            try await reach(host, [0] + HostMessage(.ping, from: self.host, session: "", number: 0).bytes)
            return true
        } catch {
            return error == .nobody ? false : nil
        }
    }

    /// Hands a host a message, and hears that it has it.
    ///
    /// - Throws: ``SharedFailure/nobody`` where the host is silent and the way to it is not.
    private func reach(_ host: String, _ bytes: [UInt8]) async throws(SharedFailure) {
        if isDead(host) { throw .nobody }
        let isThere = await link.isThere(
            "\(subject).\(host)", besides: "\(subject).\(self.host)", saying: bytes, within: Self.patience)
        if isThere == true { return }
        // After an outage others may be back later than this host.
        guard isThere == false, link.connectedFor > Self.grace else { throw .away }
        state.withLock { state in
            let now = ContinuousClock.now
            state.dead = state.dead.filter { now - $0.value < Self.memory }
            state.dead[host] = now
        }
        throw .nobody
    }
}

/// The first answer of several; `nil` is none in time.
private final class FirstAnswer: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<[String: JSONValue]?, Never>)
        case done([String: JSONValue]?)
    }

    private let state = Mutex(State.open)

    func finish(_ answer: [String: JSONValue]?) {
        let waiting = state.withLock { state -> CheckedContinuation<[String: JSONValue]?, Never>? in
            defer { if case .done = state {} else { state = .done(answer) } }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume(returning: answer)
    }

    var value: [String: JSONValue]? {
        get async {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state -> Bool in
                    if case .done = state { return true }
                    state = .waiting(continuation)
                    return false
                }
                guard isDone else { return }
                let answer = state.withLock { state -> [String: JSONValue]? in
                    if case .done(let answer) = state { answer } else { nil }
                }
                continuation.resume(returning: answer)
            }
        }
    }
}

/// Keeps what is said to a host back until it may be said.
final class HostOutbox: Sendable {
    private let waiting = Mutex<[@Sendable () -> Void]?>([])

    /// Says something, after what was said before.
    func add(_ say: @escaping @Sendable () -> Void) {
        waiting.withLock { waiting in
            if waiting == nil { say() } else { waiting?.append(say) }
        }
    }

    /// From now on everything is said at once.
    func open() {
        waiting.withLock { waiting in
            for say in waiting ?? [] { say() }
            waiting = nil
        }
    }
}

/// Stands for a client of another host.
final class HostClient: Sendable {}
