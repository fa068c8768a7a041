import DequeModule
import NIOCore
import NIOHTTP1
import Pipeline
import Stages
import Synchronization

/// A session of a pipeline.
struct SessionKey: Sendable, Hashable {
    /// The file's place among those that are served.
    let pipeline: Int
    let id: String

    init(_ pipeline: ServedPipeline, _ session: Session) {
        (self.pipeline, id) = (pipeline.index, session.id)
    }
}

/// The sessions that are kept for clients that may come back.
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

    /// A client's place in its session: in one that is kept, in a new one where the pipeline keeps sessions, and otherwise
    /// in none.
    ///
    /// - Parameter limit: How many bytes of frames are kept of a new session.
    /// - Throws: 403 where it is another user's.
    func place(
        for admission: Admission, limit: Int, at now: NIODeadline = .now()
    ) throws(HTTPRejection) -> RetainedPlace? {
        let key = SessionKey(admission.pipeline, admission.session)
        let userID = admission.session.userID
        // Under one lock, so that of two clients at the same instant the second finds the first one's session.
        let (place, grown) = try state.withLock { state throws(HTTPRejection) -> (RetainedPlace?, Int) in
            let known = state.sessions[key]
            if let known, known.isThere(at: now) {
                guard known.userID.isExactly(userID) else {
                    throw HTTPRejection(.forbidden, "the session is another user's")
                }
                let grown = known.expectClient(with: admission.credential, at: now)
                return (RetainedPlace(session: known, isKnown: true), grown)
            }
            guard case .hold(let time) = admission.pipeline.entry.onDisconnect else { return (nil, 0) }
            let new = RetainedSession(
                userID: userID, by: admission.credential, limit: limit, for: time, budget: budget, at: now)
            state.order.append((key, new.stamp))
            state.sessions[key] = new
            let freed = known.map { $0.drop(because: .surplus).freed } ?? 0
            return (RetainedPlace(session: new, isKnown: false), new.size - freed)
        }
        budget.add(grown, of: Self.kind)
        return place
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
