import Pipeline

/// What the watch over a server knows of its connection. Used by its thread alone.
final class PostgresLook {
    /// How long the server may take to answer.
    static let patience: Duration = .milliseconds(800)

    var session: PostgresSession?
    private let health: DatabaseHealth
    private let onSilence: @Sendable (PostgresFailure) -> Void
    private let isEnding: () -> Bool
    private var began = ContinuousClock.now
    /// Whether the server has said anything in this look.
    private var isHeard = false
    private var isSilenceKnown = false
    /// Whether it had when it was last looked at.
    private var wasHeard = false
    /// Whether what the server does not promise has been asked on this connection, and what it said before.
    private var isAdvised = false
    private var advice: [String] = []

    /// - Parameters:
    ///   - onSilence: Called when nothing is heard of the server any more.
    ///   - isEnding: Whether a look that is under way is to end.
    init(
        _ health: DatabaseHealth, _ onSilence: @escaping @Sendable (PostgresFailure) -> Void,
        isEnding: @escaping () -> Bool
    ) {
        (self.health, self.onSilence, self.isEnding) = (health, onSilence, isEnding)
    }

    /// A look begins.
    func begin() {
        (began, isHeard, isSilenceKnown) = (.now, false, false)
    }

    /// The server has said something.
    func hasAnswered() {
        (isHeard, wasHeard) = (true, true)
        health.reads.resume()
    }

    /// Makes a new connection.
    func connect(to address: PostgresAddress) throws(PostgresFailure) -> PostgresSession {
        let session = try PostgresSession(address, patience: PostgresLook.patience) { [unowned self] in
            noteSilence()
            return isEnding()
        }
        self.session = session
        isAdvised = false
        return session
    }

    /// Says why a look found nothing good.
    func failed(_ failure: PostgresFailure) {
        wasHeard = isHeard
        guard failure.kind == .timeout, !isHeard, !isEnding() else {
            if failure.kind != .timeout { health.reads.resume() }
            return health.report(failing: failure.detail)
        }
        fellSilent(failure)
    }

    /// Says once, and again where that changes, what the server does not promise of rows that it has taken.
    func sayAdvice() throws {
        guard !isAdvised, let session else { return }
        session.patience = PostgresLook.patience
        let now: [String]
        do {
            now = try PostgresAdvice.onServer(in: session)
        } catch let failure as PostgresFailure where !failure.endsSession {
            // One that speaks PostgreSQL's protocol and has no such settings.
            isAdvised = true
            return
        }
        for sentence in now where !advice.contains(sentence) { health.advise(sentence) }
        (advice, isAdvised) = (now, true)
    }

    /// A connection may take longer to make than an answer. Who waits for a server that was there need not wait as long.
    private func noteSilence() {
        guard wasHeard, !isHeard, !isSilenceKnown, ContinuousClock.now - began > PostgresLook.patience else { return }
        fellSilent(PostgresFailure(kind: .timeout, detail: "the server did not answer in time"))
    }

    private func fellSilent(_ failure: PostgresFailure) {
        isSilenceKnown = true
        health.report(silent: failure.detail)
        onSilence(failure)
    }
}
