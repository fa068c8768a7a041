import Pipeline

/// What somebody has authenticated with, and who that is: kept with what the client has, so that it can be looked at again when a
/// reload has changed authentication.
final class ClientCredential: Sendable {
    /// What the client has shown.
    enum Proof: Sendable {
        case key(TextDigest)
        case token(Secret)
    }

    let identity: Identity
    let proof: Proof
    /// When it was shown: a token that has expired since then was good.
    let time: Timestamp

    init(_ identity: Identity, _ proof: Proof, at time: Timestamp) {
        (self.identity, self.proof, self.time) = (identity, proof, time)
    }

    /// The token, where it was one.
    var token: String? {
        if case .token(let token) = proof { token.revealed } else { nil }
    }

    /// How many bytes it adds to what is kept of a client. Those who have the same key share it.
    var size: Int { token.map { 192 + $0.utf8.count } ?? 0 }

    /// Whether somebody is this user still, by the same name.
    func isOf(_ identity: Identity) -> Bool {
        self.identity.userID.isExactly(identity.userID) && self.identity.username.isExactly(identity.username)
    }
}
