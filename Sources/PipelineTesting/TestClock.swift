import Pipeline
import Synchronization

/// A clock that stands still until a test moves it: the engine's timeouts, and the pauses of `retry` and of queues, go by
/// it.
///
/// ```swift
/// let clock = TestClock()
/// let pipeline = try TestPipeline(path: "chat.yaml", clock: clock)
/// async let reply = pipeline.send("2 + 2")
/// await clock.waitForSleepers()
/// await clock.advance(by: .seconds(30))
/// ```
public final class TestClock: Sendable {
    private struct Sleeper {
        let number: Int
        let due: Duration
        let wake: @Sendable () -> Void
    }

    private struct State {
        var elapsed = Duration.zero
        var sleepers: [Sleeper] = []
        var last = 0
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let start = ContinuousClock.now
    private let state = Mutex(State())
    private let passesPauses: Bool

    /// A clock that stands still.
    public convenience init() { self.init(passesPauses: false) }

    /// - Parameter passesPauses: Whether a pause moves the clock instead of waiting for a test to do so.
    package init(passesPauses: Bool) {
        self.passesPauses = passesPauses
    }

    /// How far it was moved.
    public var elapsed: Duration { state.withLock(\.elapsed) }

    /// Runs `body` without any pause passing meanwhile.
    package func holding(_ body: () -> Void) {
        state.withLock { $0.isHeld = true }
        body()
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for pause in held { pause.resume() }
    }

    private func waitUntilReleased() async {
        await withCheckedContinuation { continuation in
            let isHeld = state.withLock { state in
                if state.isHeld { state.held.append(continuation) }
                return state.isHeld
            }
            if !isHeld { continuation.resume() }
        }
    }

    /// Moves it, and wakes whoever waits for the time up to then, one after the other.
    public func advance(by duration: Duration) async {
        let end = elapsed + duration
        while let wake = takeFirst(until: end) {
            wake()
            await settle()
        }
        state.withLock { $0.elapsed = max($0.elapsed, end) }
    }

    /// Returns once at least so many timeouts and pauses wait for it to be moved.
    public func waitForSleepers(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let areThere = state.withLock { state in
                if state.sleepers.count < count { state.watchers.append((count, continuation)) }
                return state.sleepers.count >= count
            }
            if areThere { continuation.resume() }
        }
    }

    /// Lets those who were woken come to their next wait.
    private func settle() async {
        for _ in 0..<20 { await Task.yield() }
    }

    private func takeFirst(until end: Duration) -> (@Sendable () -> Void)? {
        state.withLock { state in
            let due = state.sleepers.enumerated().filter { $0.element.due <= end }
            guard let first = due.min(by: { ($0.element.due, $0.element.number) < ($1.element.due, $1.element.number) })
            else { return nil }
            state.elapsed = max(state.elapsed, first.element.due)
            return state.sleepers.remove(at: first.offset).wake
        }
    }

    private func add(after duration: Duration, _ wake: @escaping @Sendable () -> Void) -> Int {
        let (number, watchers) = state.withLock { state in
            state.last += 1
            state.sleepers.append(Sleeper(number: state.last, due: state.elapsed + duration, wake: wake))
            let count = state.sleepers.count
            let ready = state.watchers.filter { $0.count <= count }.map(\.continuation)
            state.watchers.removeAll { $0.count <= count }
            return (state.last, ready)
        }
        for watcher in watchers { watcher.resume() }
        return number
    }

    private func remove(_ number: Int) {
        state.withLock { state in state.sleepers.removeAll { $0.number == number } }
    }
}

extension TestClock: EngineClock {
    package var now: ContinuousClock.Instant { start + elapsed }

    package func alarm(
        after duration: Duration, _ late: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        let number = add(after: duration, late)
        return { [self] in remove(number) }
    }

    package func pause(for duration: Duration) async throws {
        guard passesPauses else { return try await sleep(for: duration) }
        let end = elapsed + duration
        // What goes on beside it comes first: nothing that takes no time is late because of a pause.
        try await Task.sleep(for: .milliseconds(1))
        await waitUntilReleased()
        try Task.checkCancellation()
        while let wake = takeFirst(until: end) {
            wake()
            // Whose deadline it was is about to be cancelled, perhaps the caller; a test is over long before this
            // ends otherwise.
            try await Task.sleep(for: .milliseconds(50))
        }
        state.withLock { $0.elapsed = max($0.elapsed, end) }
    }

    private func sleep(for duration: Duration) async throws {
        let end = FirstOutcome<Void>()
        let number = add(after: duration) { end.finish(.success(())) }
        defer { remove(number) }
        try await end.value()
    }
}
