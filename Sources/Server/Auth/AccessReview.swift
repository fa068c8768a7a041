import Pipeline
import Synchronization

/// Which clients stay after a reload that has changed authentication.
final class AccessReview: Sendable {
    private let authenticator: Authenticator?
    /// Whether tokens that were good are good.
    private let keepsTokens: Bool
    /// What was found of tokens: many clients may have the same, and to check one takes as long as some messages do.
    private let tokens = Mutex<[String: Bool]>([:])

    /// - Parameter keepsTokens: Whether tokens that were good are good; `nil` where that is so if they are judged as before.
    init(_ reading: AuthReading, keepsTokens: Bool? = nil) {
        (authenticator, self.keepsTokens) = (reading.authenticator, keepsTokens ?? reading.keepsTokens)
    }

    /// Whether anybody can be meant.
    var isNeeded: Bool { authenticator != nil }

    /// Whether it takes time to say who is.
    var looksAtTokens: Bool { isNeeded && !keepsTokens }

    /// Whether who has shown this, or nothing, may still be here.
    func admits(_ credential: ClientCredential?) -> Bool {
        guard let authenticator else { return true }
        guard let credential else { return false }
        guard let token = credential.token else { return authenticator.admits(credential) }
        if keepsTokens { return true }
        if let known = tokens.withLock({ $0[token] }) { return known }
        let isGood = authenticator.admits(credential)
        tokens.withLock { $0[token] = isGood }
        return isGood
    }
}
