import Pipeline
import Synchronization

/// What a resource keeps: its calls while it is open, and how the project is. It is asked that while somebody needs to know,
/// and at most once a second: each look is a call that may be paid for.
final class SupabaseConnection: Sendable {
    private struct State {
        var api: SupabaseAPI?
        /// The look that is under way.
        var look: Task<Void, Never>?
        /// When the project last said how it is.
        var lookedAt: ContinuousClock.Instant?
        /// Tables that stages store in, and those of them that are to be checked with the next look.
        var tables: Set<String> = []
        var unchecked: Set<String> = []
        /// When rows were stored last.
        var lastStored: ContinuousClock.Instant?
    }

    /// How often the project is asked at most, and how long it may take: together less than the 2 s that health may be old.
    private static let interval: Duration = .seconds(1)
    static let patience: Duration = .milliseconds(800)
    private static let longestAge: Duration = .seconds(2)

    /// Rows that were left out.
    let unreadable = UnreadableRows()

    private let status = DatabaseHealth()
    private let state = Mutex(State())

    /// How the project was last time it was asked; that begins another look where it is some time ago.
    var health: Health {
        _ = lookIfDue()
        return status.current
    }

    var isHealthFresh: Bool {
        state.withLock { state in
            guard state.api != nil, let lookedAt = state.lookedAt else { return true }
            return ContinuousClock.now - lookedAt <= SupabaseConnection.longestAge
        }
    }

    func refreshHealth() async { await lookIfDue()?.value }

    /// Asks once, and returns after that, whether it was well or not.
    func open(_ project: SupabaseProject, _ context: ResourceContext) async {
        status.begin(context.logger)
        unreadable.begin(context)
        let api = SupabaseAPI(project)
        state.withLock { $0.api = api }
        await look(api)
        // An address or key that is empty stays so.
        if project.problem == nil { state.withLock { $0.lookedAt = .now } }
    }

    /// Begins a look, or finds the one that is under way; `nil` where the last one is not long enough ago.
    private func lookIfDue() -> Task<Void, Never>? {
        state.withLock { state in
            if let look = state.look { return look }
            guard let api = state.api, let lookedAt = state.lookedAt, ContinuousClock.now - lookedAt > Self.interval
            else {
                return nil
            }
            let look = Task {
                await self.look(api)
                self.state.withLock { state in
                    guard state.api != nil else { return }
                    (state.look, state.lookedAt) = (nil, .now)
                }
            }
            state.look = look
            return look
        }
    }

    /// Checks a table now if the project answers, else once it does.
    func prepare(table: String) async throws {
        guard
            let api = state.withLock({ state in
                state.tables.insert(table)
                state.unchecked.insert(table)
                return state.api
            }), status.current == .ready
        else { return }
        do {
            try await SupabaseTable(table, api).check()
            state.withLock { _ = $0.unchecked.remove(table) }
        } catch let failure as SupabaseFailure {
            report(failure, table)
        }
    }

    func insert(_ rows: [Row], into table: String) async throws {
        if health != .ready { await refreshHealth() }
        guard let api = state.withLock(\.api), status.current == .ready else {
            throw status.current.error ?? .databaseUnavailable("not open")
        }
        do {
            try await SupabaseRows(table, api).insert(rows)
            state.withLock { $0.lastStored = .now }
        } catch let failure {
            if failure.isOfTheTable { state.withLock { _ = $0.unchecked.insert(table) } }
            if !failure.isOfTheRows, !failure.isPassing { report(failure, table) }
            throw failure.error(for: table)
        }
    }

    /// Reads with the open project's calls, or where it is not open with its own.
    func run<Value: Sendable>(
        _ project: SupabaseProject, _ body: @escaping @Sendable (SupabaseAPI) async throws -> Value
    ) async throws -> Value {
        let open = state.withLock(\.api)
        let api = open ?? SupabaseAPI(project)
        let result: Result<Value, any Error>
        do {
            result = .success(try await open == nil ? body(api) : read { try await body(api) })
        } catch let failure as SupabaseFailure {
            result = .failure(PipelineError.databaseUnavailable(failure.detail(for: "requests")))
        } catch {
            result = .failure(error)
        }
        if open == nil { await api.shutdown() }
        return try result.get()
    }

    /// Reads, and looks how the project is for as long as it does not answer.
    private func read<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        if status.reads.areStopped, !isHealthFresh { await refreshHealth() }
        _ = lookIfDue()
        let looking = Task {
            while (try? await Task.sleep(for: .milliseconds(200))) != nil {
                _ = lookIfDue()
            }
        }
        defer { looking.cancel() }
        return try await status.reads.run(body)
    }

    /// Ends the looks and calls.
    func close() async {
        let open = state.withLock { state in
            defer { state = State() }
            return state
        }
        status.end()
        open.look?.cancel()
        await open.look?.value
        await open.api?.shutdown()
    }

    private func look(_ api: SupabaseAPI) async {
        let start = ContinuousClock.now
        let quick = api.within(SupabaseConnection.patience)
        let (tables, unchecked) = state.withLock { ($0.tables, $0.unchecked) }
        // Where no stage stores anything, any table will do, even one that is not there.
        let probed = tables.min() ?? "requests"
        var hasAnswered = false
        do {
            try await quick.probe(probed, mayBeMissing: tables.isEmpty)
            hasAnswered = true
            for table in unchecked.sorted() {
                try await SupabaseTable(table, quick).check()
                state.withLock { _ = $0.unchecked.remove(table) }
            }
            status.report(ready: ())
        } catch let failure as SupabaseFailure {
            // A look that took too long says little where rows were stored meanwhile.
            if failure.status == 0, let last = state.withLock(\.lastStored), last > start { return }
            // The API may be slow to look at a table, and answers.
            if failure.isSilence, !hasAnswered { return status.report(silent: failure.detail(for: probed)) }
            status.reads.resume()
            report(failure, probed)
        } catch is CancellationError {
        } catch {
            status.report(failing: "\(error)", isDown: false)
        }
    }

    private func report(_ failure: SupabaseFailure, _ table: String) {
        status.report(failing: failure.detail(for: table), isDown: failure.isOutage)
    }
}
