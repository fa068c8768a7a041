import Pipeline

/// Who shares a limit or a budget, by the bytes of the name: names that only look alike are different ones.
///
/// It is 128 bits by the process's own random seed, so that what is kept of a client has one size, however long its name.
struct ClientKey: Hashable, Sendable {
    /// What a name is one of; the same text counts by itself in each.
    enum Kind: UInt8 {
        case session, id, name, address, row
    }

    private let high, low: UInt64

    init(_ kind: Kind, _ text: String) {
        func hash(_ half: UInt8) -> UInt64 {
            var hasher = Hasher()
            hasher.combine(half)
            hasher.combine(kind.rawValue)
            text.utf8.span.withUnsafeBytes { hasher.combine(bytes: $0) }
            return UInt64(bitPattern: Int64(hasher.finalize()))
        }
        (high, low) = (hash(0), hash(1))
    }

    /// Whose rows a budget counts.
    init(_ user: Row.User) {
        self = user.userID.map { ClientKey(.id, $0) } ?? ClientKey(.row, user.username)
    }

    static func == (left: ClientKey, right: ClientKey) -> Bool { left.high == right.high && left.low == right.low }

    func hash(into hasher: inout Hasher) { hasher.combine(high) }
}
