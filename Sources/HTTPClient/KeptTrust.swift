/// Whether kept connections may be used again.
///
/// HTTP/1.1 matches answers to calls by their order alone. A host that answers one call twice would have the second
/// answer taken for that of the next call, and nobody can tell where it comes after that call was sent. So a client first
/// looks whether anything follows the first answers; and once it has seen that it does, it keeps no connection for a while.
struct KeptTrust {
    /// What a call is to do.
    enum Rule {
        /// Take any connection.
        case anyConnection
        /// Take a new connection, and close it afterwards.
        case ownConnection
        /// Wait until it is known what follows the first answers.
        case wait
    }

    private enum State {
        case unknown
        case observed(until: ContinuousClock.Instant)
        case trusted
        case distrusted(until: ContinuousClock.Instant)
    }

    /// Long enough for a second answer that is written by itself on a busy machine. A client waits so long once.
    private static let observation: Duration = .milliseconds(50)

    /// A host that answers twice does it by a mistake in its program, which lasts; a new one may be in use by then.
    static let distrust: Duration = .seconds(600)

    private var state = State.unknown

    /// When the first answers have been observed for long enough.
    var observationEnd: ContinuousClock.Instant? {
        if case .observed(let end) = state { end } else { nil }
    }

    /// Whether a connection that has carried a call may carry another now.
    var allowsReuse: Bool {
        if case .trusted = state { true } else { false }
    }

    /// What a call that starts now is to do.
    mutating func rule() -> Rule {
        switch state {
        case .unknown, .trusted: return .anyConnection
        case .observed: return .wait
        case .distrusted(let end):
            if end > .now { return .ownConnection }
            state = .unknown
            return .anyConnection
        }
    }

    /// An answer is whole, and its connection was kept.
    mutating func noteAnswer() {
        if case .unknown = state { state = .observed(until: .now + Self.observation) }
    }

    /// The observation is over: nothing followed where `sawConnection`; otherwise there was nothing to look at.
    mutating func endObservation(sawConnection: Bool) {
        if case .observed = state { state = sawConnection ? .trusted : .unknown }
    }

    /// Something followed an answer.
    ///
    /// - Returns: Whether that is news.
    mutating func noteExcess() -> Bool {
        let isNews = if case .distrusted = state { false } else { true }
        state = .distrusted(until: .now + Self.distrust)
        return isNews
    }
}
