import DequeModule
import NIOCore
import Pipeline
import Synchronization

/// The sessions that are retained for clients that may come back.
final class RetainedSessions: KeptKind {
    static let kind = KeptBudget.Kind.sessions

    private struct State {
        var sessions: [SessionKey: RetainedSession] = [:]
        /// In the order of their last use as it was when they were put here.
        var order = Deque<(key: SessionKey, stamp: Int)>()
    }

    let budget: KeptBudget
    private let state = Mutex(State())

    init(_ budget: KeptBudget) {
        self.budget = budget
    }

    /// Seats a client in its session: in one that is retained, in a new one where the pipeline retains sessions, and
    /// otherwise in none.
    ///
    /// - Parameters:
    ///   - time: For how long the pipeline retains a session without a client; `nil` where it retains none.
    ///   - limit: How many bytes of frames are kept of a new session.
    ///   - shared: Other hosts that are told of a new session.
    ///   - isExpected: Whether the session was brought here for the client: where it is not, another host has taken it since.
    /// - Throws: 403 where the session is another user's.
    func seat(
        in key: SessionKey, userID: String?, by credential: ClientCredential?, retainedFor time: Duration?, limit: Int,
        with shared: SharedSessions? = nil, isExpected: Bool = false, at now: NIODeadline = .now()
    ) throws(HTTPRejection) -> SessionSeat? {
        // Under one lock, so that of two clients at the same instant the second finds the first one's session.
        let (seat, grown) = try state.withLock { state throws(HTTPRejection) -> (SessionSeat?, Int) in
            let known = state.sessions[key]
            if let known, known.isThere(at: now) {
                guard known.userID.isExactly(userID) else { throw .foreignSession }
                let grown = known.expectClient(with: credential, at: now)
                // One that this host has just entered for its client among those that are shared is not known for that.
                let isKnown = known.shared == nil || !known.takeNewness()
                return (SessionSeat(session: known, isKnown: isKnown), grown)
            }
            guard let time else { return (nil, 0) }
            if shared != nil, isExpected {
                let gone = RetainedSession(userID: userID, limit: 0, for: .zero, budget: budget, at: now)
                _ = gone.handOver { _ in }
                return (SessionSeat(session: gone, isKnown: true), 0)
            }
            let new = RetainedSession(
                userID: userID, by: credential, limit: limit, for: time, budget: budget, at: now,
                shared: shared?.session(key, userID: userID))
            return (SessionSeat(session: new, isKnown: !new.takeNewness()), put(new, key, in: &state))
        }
        budget.add(grown, of: Self.kind)
        return seat
    }

    /// - Returns: How many bytes more are kept now.
    private func put(_ new: RetainedSession, _ key: SessionKey, in state: inout State) -> Int {
        let former = state.sessions[key]
        state.order.append((key, new.stamp))
        state.sessions[key] = new
        return new.size - (former.map { $0.drop(because: .surplus).freed } ?? 0)
    }

    /// Puts a session here that another host had, or that the others know of already.
    ///
    /// - Parameter bytes: What its frames take.
    func put(_ new: RetainedSession, _ key: SessionKey, bytes: Int = 0) {
        let grown = state.withLock { put(new, key, in: &$0) }
        budget.add(grown + bytes, of: Self.kind)
    }

    /// A session that a client may come back to.
    func session(_ key: SessionKey, at now: NIODeadline = .now()) -> RetainedSession? {
        state.withLock { $0.sessions[key] }.flatMap { $0.isThere(at: now) ? $0 : nil }
    }

    /// All of a pipeline's that a client may come back to.
    func sessions(ofPipeline index: Int, at now: NIODeadline = .now()) -> [(key: SessionKey, session: RetainedSession)]
    {
        state.withLock { state in
            state.sessions.filter { $0.key.pipeline == index && $0.value.isThere(at: now) }.map { ($0.key, $0.value) }
        }
    }

    /// Takes a session out that another host has now.
    ///
    /// - Parameter freed: How many bytes are kept no more.
    func remove(_ session: RetainedSession, _ key: SessionKey, freed: Int) {
        state.withLock { if $0.sessions[key] === session { $0.sessions[key] = nil } }
        budget.add(-freed, of: Self.kind)
    }

    /// Keeps as many bytes of frames of each session from now on.
    func change(limit: Int) {
        let grown = state.withLock { $0.sessions.values.reduce(0) { $0 + $1.change(limit: limit) } }
        budget.add(grown, of: Self.kind)
    }

    /// What those have shown whose sessions there are.
    var credentials: [ClientCredential] { state.withLock { $0.sessions.values.compactMap(\.credential) } }

    /// Forgets sessions of those who may not be here any more.
    func forget(unless review: AccessReview) {
        drop { review.admits($0.credential) ? nil : .revoked }
    }

    /// Forgets sessions that nobody came back to.
    func sweep(at now: NIODeadline) {
        drop { _ in .expired(now) }
    }

    private func drop(_ reason: (RetainedSession) -> RetainedSession.Reason?) {
        let freed = state.withLock { state in
            var freed = 0
            state.sessions = state.sessions.filter { _, session in
                guard let (bytes, isForgotten) = reason(session).map(session.drop) else { return true }
                freed += bytes
                return !isForgotten
            }
            state.order = Deque(
                state.sessions.map { (key: $0.key, stamp: $0.value.stamp) }.sorted { $0.stamp < $1.stamp })
            return freed
        }
        budget.add(-freed, of: Self.kind)
    }

    var oldest: Int? {
        state.withLock { state in
            while let first = state.order.first {
                guard let session = state.sessions[first.key] else {
                    state.order.removeFirst()
                    continue
                }
                let stamp = session.stamp
                if stamp == first.stamp { return stamp }
                // It was used since.
                state.order.removeFirst()
                state.order.append((first.key, stamp))
            }
            return nil
        }
    }

    func dropOldest() {
        let freed: Int = state.withLock { state in
            guard let (key, _) = state.order.popFirst(), let session = state.sessions[key] else { return 0 }
            let (freed, isForgotten) = session.drop(because: .surplus)
            if isForgotten {
                state.sessions[key] = nil
            } else {
                state.order.append((key, session.stamp))
            }
            return freed
        }
        budget.add(-freed, of: Self.kind)
    }
}
