import DequeModule
import NIOCore
import NIOHTTP1
import Pipeline
import Synchronization

/// Whose sessions are whose, where clients authenticate: a session belongs to the user who had it first.
///
/// The last 100,000 are remembered, or fewer where their users' names take more than 16 MiB. For others the pipelines'
/// databases are asked, which know those that have a row.
final class SessionOwners: Sendable {
    private struct Known {
        var users: [UniqueID: String] = [:]
        var order = Deque<UniqueID>()
        var bytes = 0

        mutating func add(_ id: UniqueID, of user: String) {
            users[id] = user
            order.append(id)
            bytes += Known.size(of: user)
        }

        mutating func removeOldest() {
            guard let oldest = order.popFirst(), let user = users.removeValue(forKey: oldest) else { return }
            bytes -= Known.size(of: user)
        }

        /// Two slots with room to grow and, where the name is not in its slot, what the allocator gives.
        private static func size(of user: String) -> Int {
            let length = user.utf8.count
            return 112 + (length > 15 ? length + 48 : 0)
        }
    }

    private let limit: Int
    private let bytes: Int

    private let known = Mutex(Known())

    init(limit: Int = 100_000, bytes: Int = 16 << 20) {
        (self.limit, self.bytes) = (limit, bytes)
    }

    /// How many are known, and about what they take.
    var size: (count: Int, bytes: Int) { known.withLock { ($0.users.count, $0.bytes) } }

    /// Takes a session for a user.
    ///
    /// - Parameter limit: How long the databases may be asked.
    /// - Returns: `nil` where that is done, and where nobody is authenticated; otherwise what is to be looked up first.
    /// - Throws: 403 where it is another user's.
    func claim(
        _ admission: Admission, of pipelines: [ServedPipeline], within limit: Duration, on eventLoop: any EventLoop
    ) throws(HTTPRejection) -> EventLoopFuture<Void>? {
        guard let user = admission.identity?.userID else { return nil }
        guard let id = UniqueID(admission.session.id) else {
            throw HTTPRejection(.badRequest, "session must be a UUID of version 4")
        }
        if let owner = known.withLock({ $0.users[id] }) {
            try SessionOwners.check(user, is: owner)
            return nil
        }
        if !admission.isSessionGiven {
            try take(id, for: user, storedOwner: nil)
            return nil
        }
        return eventLoop.makeFutureWithTask {
            let owner: String?
            do {
                owner = try await withTimeout(limit, orThrow: CancellationError()) {
                    try await StoredSessions.owner(of: id.description, in: pipelines)
                }
            } catch {
                throw HTTPRejection.unavailable("it can't be looked up now whose session this is")
            }
            try self.take(id, for: user, storedOwner: owner)
        }
    }

    private func take(_ id: UniqueID, for user: String, storedOwner: String?) throws(HTTPRejection) {
        let owner = known.withLock { known in
            if let owner = known.users[id] { return owner }
            let owner = storedOwner ?? user
            known.add(id, of: owner)
            while known.order.count > limit || known.bytes > bytes { known.removeOldest() }
            return owner
        }
        try SessionOwners.check(user, is: owner)
    }

    private static func check(_ user: String, is owner: String) throws(HTTPRejection) {
        guard owner.isExactly(user) else { throw .foreignSession }
    }
}
