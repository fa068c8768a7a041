import NIOCore
import Pipeline

/// Who somebody is, by a key or token.
struct Identity: Sendable, Hashable {
    /// The row's `user_id`; sessions belong to it.
    let userID: String
    /// The name, which a client can't choose then.
    var username: String?
    /// When it ends to be true, in seconds since 1970.
    var expires: Double?

    /// Whether a name is one that logs and rows can hold.
    static func isName(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        return !text.isEmpty && scalars.count <= 128 && !scalars.contains { $0.value < 0x20 || $0.value == 0x7F }
    }

    /// When a connection is to be closed because of ``expires``.
    func deadline(now: NIODeadline, at time: Timestamp) -> NIODeadline? {
        guard let expires else { return nil }
        let seconds = expires - Double(time.microseconds) / 1e6
        // A year is longer than any connection, and far from overflow.
        return now + .nanoseconds(Int64(min(max(seconds, 0), 366 * 86_400) * 1e9))
    }
}

/// Why a key or token lets nobody in. Says nothing of the token itself.
enum AuthFailure: Error {
    case missing
    case invalid
    case expired

    var reason: String {
        switch self {
        case .missing: "a key or token is needed: Authorization: Bearer …"
        case .invalid: "the key or token is not valid"
        case .expired: "the token has expired"
        }
    }
}
