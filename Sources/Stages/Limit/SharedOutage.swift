import Pipeline
import Synchronization

/// What it means for a limit that hosts can't reach what is between them: for some seconds nothing, as a server that leads is
/// replaced in that time and a message can wait; after that each host decides by itself, until they are back.
final class SharedOutage: Sendable {
    private struct State {
        /// When the first of the tries failed of which none has worked since.
        var began: ContinuousClock.Instant?
        /// Until when nobody tries.
        var quietUntil: ContinuousClock.Instant?
    }

    private let patience: Duration
    private let state = Mutex(State())

    /// For how long a message waits: NATS takes four to nine seconds to choose who leads in place of a server that died.
    static let patience: Duration = .seconds(10)
    /// What a try may take that began before that: it asks for the stream, for the value, and writes it, a second each.
    static let longestTry: Duration = .seconds(6)
    /// For how long nobody tries after a try in a long outage.
    private static let quiet: Duration = .seconds(1)

    init(patience: Duration = SharedOutage.patience) { self.patience = patience }

    /// Whether hosts decide by themselves, so that nobody need try.
    var isLong: Bool { state.withLock { $0.quietUntil.map { .now < $0 } ?? false } }

    /// A value was written.
    func end() { state.withLock { $0 = State() } }

    /// Tries until it works, or the outage is a long one.
    func bridge<Result>(
        _ attempt: () async throws(SharedFailure) -> Result
    ) async throws(SharedFailure) -> Result {
        let begun = ContinuousClock.now
        var backoff = SharedBackoff(from: .milliseconds(10), to: .milliseconds(200))
        while true {
            do throws(SharedFailure) {
                return try await attempt()
            } catch {
                if failed(since: begun) { throw error }
            }
            await backoff.wait()
        }
    }

    /// - Returns: Whether the outage is a long one.
    private func failed(since begun: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            let now = ContinuousClock.now
            let began = state.began ?? now
            state.began = began
            let isLong = now - min(began, begun) >= patience
            if isLong { state.quietUntil = now + Self.quiet }
            return isLong
        }
    }
}

/// Pauses that grow, with some chance in each, so that hosts which have met don't meet again.
struct SharedBackoff: Sendable {
    private var pause: Duration
    private let longest: Duration

    init(from pause: Duration, to longest: Duration) { (self.pause, self.longest) = (pause, longest) }

    mutating func wait() async {
        try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
        pause = min(pause * 2, longest)
    }
}
