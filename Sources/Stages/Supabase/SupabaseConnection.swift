import Pipeline
import Synchronization

/// What a resource keeps: its calls while it is open, and how the project is, looked at once a second.
final class SupabaseConnection: Sendable {
    private struct State {
        var api: SupabaseAPI?
        var watch: Task<Void, Never>?
        /// Tables that stages store in, and those of them that are to be checked with the next look.
        var tables: Set<String> = []
        var unchecked: Set<String> = []
        /// When rows were stored last.
        var lastStored: ContinuousClock.Instant?
    }

    /// How often the project is asked, and how long it may take: together less than the 2 s that health may be old.
    private static let interval: Duration = .seconds(1)
    private static let patience: Duration = .milliseconds(800)

    /// Rows that were left out.
    let unreadable = UnreadableRows()

    private let status = DatabaseHealth()
    private let state = Mutex(State())

    var health: Health { status.current }

    /// Begins to look, and returns after the first time, whether it was well or not.
    func open(_ project: SupabaseProject, _ context: ResourceContext) async {
        status.begin(context.logger)
        unreadable.begin(context)
        let api = SupabaseAPI(project)
        state.withLock { $0.api = api }
        await look(api)
        // An address or key that is empty stays so.
        guard project.problem == nil else { return }
        let watch = Task { [weak self] in
            while let self {
                let pause = SupabaseConnection.interval * (health == .ready ? 1 : Double.random(in: 0.8...1))
                guard (try? await Task.sleep(for: pause)) != nil else { return }
                await self.look(api)
            }
        }
        state.withLock { $0.watch = watch }
    }

    /// Checks a table now if the project answers, else once it does.
    func prepare(table: String) async throws {
        guard
            let api = state.withLock({ state in
                state.tables.insert(table)
                state.unchecked.insert(table)
                return state.api
            }), health == .ready
        else { return }
        do {
            try await SupabaseTable(table, api).check()
            state.withLock { _ = $0.unchecked.remove(table) }
        } catch let failure as SupabaseFailure {
            report(failure, table)
        }
    }

    func insert(_ rows: [Row], into table: String) async throws {
        guard let api = state.withLock(\.api), health == .ready else {
            throw health.error ?? .databaseUnavailable("not open")
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

    /// Does something with the open project's calls, or where it is not open with its own.
    func run<Value: Sendable>(
        _ project: SupabaseProject, _ body: @Sendable (SupabaseAPI) async throws -> Value
    ) async throws -> Value {
        let open = state.withLock(\.api)
        let api = open ?? SupabaseAPI(project)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(api))
        } catch let failure as SupabaseFailure {
            result = .failure(PipelineError.databaseUnavailable(failure.detail(for: "requests")))
        } catch {
            result = .failure(error)
        }
        if open == nil { await api.shutdown() }
        return try result.get()
    }

    /// Ends the looks and calls.
    func close() async {
        let open = state.withLock { state in
            defer { state = State() }
            return state
        }
        status.end()
        open.watch?.cancel()
        await open.watch?.value
        await open.api?.shutdown()
    }

    private func look(_ api: SupabaseAPI) async {
        let start = ContinuousClock.now
        let quick = api.within(SupabaseConnection.patience)
        let (tables, unchecked) = state.withLock { ($0.tables, $0.unchecked) }
        // Where no stage stores anything, any table will do, even one that is not there.
        let probed = tables.min() ?? "requests"
        do {
            try await quick.probe(probed, mayBeMissing: tables.isEmpty)
            for table in unchecked.sorted() {
                try await SupabaseTable(table, quick).check()
                state.withLock { _ = $0.unchecked.remove(table) }
            }
            status.report(ready: ())
        } catch let failure as SupabaseFailure {
            // A look that took too long says little where rows were stored meanwhile.
            if failure.status == 0, let last = state.withLock(\.lastStored), last > start { return }
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
