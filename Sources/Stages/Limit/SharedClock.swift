import Pipeline
import Synchronization

/// The time that all hosts go by, which is that of what keeps their values: their own clocks may be wrong. It is learnt from
/// when a value was set that this host has just set.
final class SharedClock: Sendable {
    private struct State {
        /// Nanoseconds since 1970, and when that was.
        var reading: (time: Int64, at: ContinuousClock.Instant)?
        var looking: Task<Void, Never>?
        /// When it is looked for again.
        var next = ContinuousClock.now
        var revision: UInt64 = 0
    }

    private let values: any SharedValues
    private let key: String
    private let state = Mutex(State())

    /// For how long a reading is good: a server with another clock may lead then.
    private static let age: Duration = .seconds(30)

    init(_ cells: SharedCells) { (values, key) = (cells.values, "clock-\(cells.writer)") }

    /// Nanoseconds since 1970; `nil` before it is known.
    var now: Int64? {
        state.withLock { $0.reading.map { $0.time + Int64((ContinuousClock.now - $0.at) / .nanoseconds(1)) } }
    }

    /// Waits until it is known; looks again behind who asks where that is long ago.
    func prepare() async throws(SharedFailure) {
        let (looking, isKnown) = state.withLock { state in
            if state.looking == nil, state.next <= .now || state.reading == nil {
                state.looking = Task { await self.look() }
            }
            return (state.looking, state.reading != nil)
        }
        if isKnown { return }
        await looking?.value
        if now == nil { throw .away }
    }

    private func look() async {
        let reading = try? await read()
        state.withLock { state in
            state.looking = nil
            state.next = .now + (reading == nil ? .seconds(1) : Self.age)
            if let reading { state.reading = reading }
        }
    }

    private func read() async throws(SharedFailure) -> (time: Int64, at: ContinuousClock.Instant)? {
        let begun = ContinuousClock.now
        guard let revision = try await values.set(key, Array("\n".utf8), ifRevision: state.withLock(\.revision)) else {
            // It was set without an answer, or is forgotten.
            let found = try await values.get(key)
            state.withLock { $0.revision = found?.revision ?? 0 }
            return nil
        }
        let middle = begun + (.now - begun) / 2
        state.withLock { $0.revision = revision }
        // A server that lags has an older one, if any.
        guard let found = try await values.get(key), found.revision == revision, let time = found.setAt else {
            return nil
        }
        return (time.microseconds * 1_000, middle)
    }
}
