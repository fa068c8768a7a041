import Pipeline
import Synchronization
import Threads

/// Looks once a second whether the server answers, on a connection and a thread of its own, and connects again where
/// the connection is lost. Checks the tables when there is a connection for the first time.
final class PostgresWatch: Sendable {
    private enum Wake {
        case closed
        case again
    }

    private struct State {
        var unchecked: Set<String> = []
        var checked: Set<String> = []
        /// Tables that an insert failed in which was not to blame: the database is not ready until one works.
        var doubted: Set<String> = []
        var isHurried = false
        var isClosed = false
        var hasEnded = false
        var onFirst: (@Sendable () -> Void)?
        var onEnd: (@Sendable () -> Void)?
    }

    /// How often the server is asked: together with the time that an answer may take less than the 2 s that health may be
    /// old.
    private static let interval: Duration = .seconds(1)
    /// How many connections that were made are lost one after the other before the server is to blame.
    private static let connectionsPerLook = 5
    /// What the log says of a server that takes no rows.
    private static let readOnly =
        "the server takes no rows: it is read-only, as a standby is or one with default_transaction_read_only"

    private let settings: PostgresSettings
    private let health: DatabaseHealth
    private let state = ConditionLock(State())
    /// Whether it is to end, also in the middle of a look.
    private let isEnding = Atomic<Bool>(false)

    init(_ settings: PostgresSettings, _ health: DatabaseHealth) {
        self.settings = settings
        self.health = health
    }

    /// Begins, and calls back after the first look.
    ///
    /// - Parameter onSilence: Called when nothing is heard of the server any more.
    func start(
        onSilence: @escaping @Sendable (PostgresFailure) -> Void, _ onFirst: @escaping @Sendable () -> Void
    ) {
        state.withLock { $0.onFirst = onFirst }
        guard !startThread(named: "stagecoach-pg", { self.work(onSilence) }) else { return }
        health.report(failing: "no thread could be started")
        state.withLock { $0.hasEnded = true }
        onFirst()
    }

    /// Has a table checked with the next look, and again whenever the connection is new.
    func watch(table: String) {
        state.withLock { state in
            state.checked.remove(table)
            state.unchecked.insert(table)
            state.isHurried = true
        }
    }

    /// Notes a table that was found in order, to be checked again whenever the connection is new.
    func note(checked table: String) {
        state.withLock { _ = $0.checked.insert(table) }
    }

    /// Notes a table that took no row although nothing was wrong with it: it is tried with each look, on a new connection,
    /// as what holds for those that are there need not hold for the next.
    func doubt(table: String) {
        state.withLock { state in
            state.doubted.insert(table)
            state.isHurried = true
        }
    }

    /// Looks now rather than within a second.
    func hurry() {
        state.withLock { $0.isHurried = true }
    }

    /// Ends, and calls back when the thread is gone.
    func close(_ done: @escaping @Sendable () -> Void) {
        isEnding.store(true, ordering: .relaxed)
        let isGone = state.withLock { state in
            state.isClosed = true
            if !state.hasEnded { state.onEnd = done }
            return state.hasEnded
        }
        if isGone { done() }
    }

    private func work(_ onSilence: @escaping @Sendable (PostgresFailure) -> Void) {
        let looker = PostgresLook(health, onSilence) { self.isEnding.load(ordering: .relaxed) }
        var backoff = PostgresBackoff()
        while true {
            let isWell = look(with: looker)
            let onFirst = state.withLock { state in
                defer { state.onFirst = nil }
                return state.onFirst
            }
            onFirst?()
            if isWell { backoff = PostgresBackoff() }
            let pause = isWell ? PostgresWatch.interval : backoff.next()
            let wake: Wake? = state.wait(pause) { state in
                if state.isClosed { return .closed }
                // While it fails, hurrying would undo the backoff.
                return isWell && state.isHurried ? .again : nil
            }
            if wake == .closed { break }
            state.withLock { $0.isHurried = false }
        }
        looker.session = nil
        let onEnd = state.withLock { state in
            state.hasEnded = true
            return state.onEnd
        }
        onEnd?()
    }

    /// One look.
    private func look(with looker: PostgresLook) -> Bool {
        var lost = 0
        looker.begin()
        while true {
            do {
                try probe(with: looker)
                health.report(ready: ())
                return true
            } catch let failure as PostgresFailure {
                let wasConnected = looker.session != nil
                looker.session = nil
                lost += 1
                // Somebody may have ended just this connection, which says nothing of the server; and the next one, too.
                let isOfConnection = wasConnected && failure.endsSession && failure.kind != .timeout
                // Another connection may lead to the server that is the primary now; one is enough to tell.
                if failure.kind == .readOnly, lost > 1 {
                    health.report(failing: failure.detail)
                    return false
                }
                if isOfConnection, lost < PostgresWatch.connectionsPerLook { continue }
                looker.failed(failure)
            } catch {
                health.report(failing: "\(error)")
            }
            return false
        }
    }

    private func probe(with looker: PostgresLook) throws {
        let current: PostgresSession
        if let session = looker.session, state.withLock({ $0.doubted.isEmpty }) {
            current = session
        } else {
            current = try looker.connect(to: settings.address)
            state.withLock { state in
                state.unchecked.formUnion(state.checked)
                state.checked = []
            }
        }
        current.patience = PostgresLook.patience
        let answer = try current.run("SELECT current_setting('transaction_read_only')").text(0, 0)
        looker.hasAnswered()
        guard answer == "off" else {
            throw PostgresFailure(kind: .readOnly, detail: PostgresWatch.readOnly)
        }
        for table in state.withLock({ $0.doubted.sorted() }) {
            try PostgresRows(table).tryInsert(with: current)
            state.withLock { _ = $0.doubted.remove(table) }
        }
        current.patience = settings.timeout
        for table in state.withLock({ $0.unchecked.sorted() }) {
            try PostgresSchema(table: table).prepare(current, creates: settings.creates)
            state.withLock { state in
                state.unchecked.remove(table)
                state.checked.insert(table)
            }
        }
        try looker.sayAdvice()
    }
}

/// Pauses from 50 ms that double up to 1 s, a little different each, so that many hosts don't come back at once.
struct PostgresBackoff {
    private var pause: Duration = .milliseconds(50)

    /// The next pause.
    mutating func next() -> Duration {
        defer { pause = min(pause * 2, .seconds(1)) }
        return pause * Double.random(in: 0.8...1)
    }
}
