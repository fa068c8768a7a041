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

    private let budget: KeptBudget
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
    /// - Throws: 403 where the session is another user's.
    func seat(
        in key: SessionKey, userID: String?, by credential: ClientCredential?, retainedFor time: Duration?, limit: Int,
        at now: NIODeadline = .now()
    ) throws(HTTPRejection) -> SessionSeat? {
        // Under one lock, so that of two clients at the same instant the second finds the first one's session.
        let (seat, grown) = try state.withLock { state throws(HTTPRejection) -> (SessionSeat?, Int) in
            let known = state.sessions[key]
            if let known, known.isThere(at: now) {
                guard known.userID.isExactly(userID) else { throw .foreignSession }
                let grown = known.expectClient(with: credential, at: now)
                return (SessionSeat(session: known, isKnown: true), grown)
            }
            guard let time else { return (nil, 0) }
            let new = RetainedSession(userID: userID, by: credential, limit: limit, for: time, budget: budget, at: now)
            state.order.append((key, new.stamp))
            state.sessions[key] = new
            let freed = known.map { $0.drop(because: .surplus).freed } ?? 0
            return (SessionSeat(session: new, isKnown: false), new.size - freed)
        }
        budget.add(grown, of: Self.kind)
        return seat
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
