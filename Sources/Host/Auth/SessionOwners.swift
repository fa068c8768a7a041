import DequeModule
import NIOCore
import NIOHTTP1
import Pipeline
import Synchronization

/// Whose sessions are whose, where clients authenticate: a session belongs to the user who had it first.
///
/// The last 100,000 are known by heart. Of others the pipelines' databases are asked, which know those that have a row.
final class SessionOwners: Sendable {
    private struct Known {
        var users: [String: String] = [:]
        var order = Deque<String>()
    }

    private static let limit = 100_000

    private let known = Mutex(Known())

    /// Takes a session for a user.
    ///
    /// - Returns: `nil` where that is done, and where nobody is authenticated; otherwise what is to be looked up first.
    /// - Throws: 403 where it is another user's.
    func claim(
        _ admission: Admission, of pipelines: [ServedPipeline], on eventLoop: any EventLoop
    ) throws(HTTPRejection) -> EventLoopFuture<Void>? {
        guard let user = admission.identity?.userID else { return nil }
        let id = admission.session.id
        if !admission.isSessionGiven || isKnown(id) {
            try take(id, for: user, storedOwner: nil)
            return nil
        }
        return eventLoop.makeFutureWithTask {
            let owner: String?
            do {
                owner = try await StoredSessions.owner(of: id, in: pipelines)
            } catch {
                throw HTTPRejection.unavailable("it can't be looked up now whose session this is")
            }
            try self.take(id, for: user, storedOwner: owner)
        }
    }

    private func isKnown(_ id: String) -> Bool { known.withLock { $0.users[id] != nil } }

    private func take(_ id: String, for user: String, storedOwner: String?) throws(HTTPRejection) {
        let owner = known.withLock { known in
            if let owner = known.users[id] { return owner }
            let owner = storedOwner ?? user
            known.users[id] = owner
            known.order.append(id)
            if known.order.count > SessionOwners.limit, let oldest = known.order.popFirst() {
                known.users[oldest] = nil
            }
            return owner
        }
        guard owner == user else { throw HTTPRejection(.forbidden, "the session is another user's") }
    }
}
