import Pipeline

/// Something to do with a connection, and who waits for it.
struct PostgresJob: Sendable {
    /// Until when somebody waits for it: its time begins when it is asked for, not when a connection is free.
    let deadline: ContinuousClock.Instant
    /// Does it, and says so to who waits. What it throws is not said yet.
    let run: @Sendable (PostgresSession) throws -> Void
    /// Says to who waits that it failed.
    let fail: @Sendable (any Error) -> Void
    /// Whether nobody waits for it any more.
    let isSettled: @Sendable () -> Bool

    /// Hands a job to a thread and waits for its end without holding a thread. A cancelled task no longer waits, while
    /// the statement may go on.
    static func perform<Value: Sendable>(
        within patience: Duration, _ body: @escaping @Sendable (PostgresSession) throws -> Value,
        handingTo take: (PostgresJob) -> Void
    ) async throws -> Value {
        let answer = FirstOutcome<Value>()
        let job = PostgresJob(deadline: .now + patience) { session in
            answer.finish(.success(try body(session)))
        } fail: { error in
            answer.finish(.failure(error))
        } isSettled: {
            answer.isThere
        }
        return try await answer.value { take(job) }
    }
}
