/// The time that timeouts and pauses of the engine go by.
package protocol EngineClock: Sendable {
    /// The time.
    var now: ContinuousClock.Instant { get }

    /// Returns once so much time has passed.
    ///
    /// - Throws: `CancellationError`.
    func pause(for duration: Duration) async throws

    /// Calls `late` once so much time has passed.
    ///
    /// - Returns: What keeps it from being called.
    func alarm(after duration: Duration, _ late: @escaping @Sendable () -> Void) -> @Sendable () -> Void
}

/// The time that the engine goes by: the machine's, but in tests.
package enum EngineTime {
    package static var now: ContinuousClock.Instant { EngineOverrides.current?.clock.now ?? .now }

    package static func pause(for duration: Duration) async throws {
        guard let clock = EngineOverrides.current?.clock else { return try await Task.sleep(for: duration) }
        try await clock.pause(for: duration)
    }

    package static func alarm(
        after duration: Duration, _ late: @escaping @Sendable () -> Void
    ) -> @Sendable () -> Void {
        if let clock = EngineOverrides.current?.clock { return clock.alarm(after: duration, late) }
        let timer = Task {
            try await Task.sleep(for: duration)
            late()
        }
        return { timer.cancel() }
    }
}
