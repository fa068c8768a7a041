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
                known.expectClient(at: now)
                return (RetainedPlace(session: known, isKnown: true), 0)
            }
            guard case .hold(let time) = admission.pipeline.entry.onDisconnect else { return (nil, 0) }
            let new = RetainedSession(userID: userID, limit: limit, for: time, budget: budget, at: now)
            state.order.append((key, new.stamp))
            state.sessions[key] = new
            let freed = known.map { $0.size + $0.drop(because: .surplus).freed } ?? 0
            return (RetainedPlace(session: new, isKnown: false), new.size - freed)
        }
        budget.add(grown, of: Self.kind)
        return place
    }

    /// Forgets sessions that nobody came back to.
    func sweep(at now: NIODeadline) {
        let freed = state.withLock { state in
            var freed = 0
            state.sessions = state.sessions.filter { _, session in
                let (frames, isForgotten) = session.drop(because: .expired(now))
                if isForgotten { freed += session.size + frames }
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
            let (frames, isForgotten) = session.drop(because: .surplus)
            if isForgotten {
                state.sessions[key] = nil
            } else {
                state.order.append((key, session.stamp))
            }
            return frames + (isForgotten ? session.size : 0)
        }
        budget.add(-freed, of: Self.kind)
    }
}
