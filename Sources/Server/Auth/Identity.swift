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
    /// Whether the console is shown to it.
    var isOperator = false

    /// The user of a key without a name: it comes from the key, so that it stays when others are taken out of the file.
    static func userID(ofKey key: Secret) -> String {
        let digits = String(TextDigest(key.revealed).words[0], radix: 16)
        return "key-" + (String(repeating: "0", count: 16 - digits.utf8.count) + digits).prefix(12)
    }

    /// Whether a user is one that a key without a name may have, and nobody else.
    static func isUserOfKey(_ text: String) -> Bool {
        let bytes = text.utf8
        return bytes.count == 16 && bytes.starts(with: "key-".utf8)
            && bytes.dropFirst(4).allSatisfy { UnicodeScalar($0).properties.isASCIIHexDigit }
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
enum AuthFailure: Error, Hashable {
    case missing
    case invalid
    case expired
    /// The keys to check it with are out of reach; it is worth coming again after so many seconds.
    case keysUnavailable(retryAfter: Int)

    var reason: String {
        switch self {
        case .missing: "a key or token is needed: Authorization: Bearer …"
        case .invalid: "the key or token is not valid"
        case .expired: "the token has expired"
        case .keysUnavailable: "tokens can't be checked now: the keys of their issuer are out of reach; try again"
        }
    }
}
