extension KeySetAddress {
    /// What the issuer publishes there, for who only wants to see whether it works.
    package struct Seen: Sendable {
        /// The keys that can be used, for people: `2 keys for RS256, 1 key for ES256`.
        package let contents: String
        /// Those that are not used, and why; `nil` where all are.
        package let notes: String?
    }

    /// Asks the issuer once.
    package func look() async throws(KeySetProblem) -> Seen {
        let set = try await KeySetRequest.tryOnce(self).set
        return Seen(contents: set.contents, notes: set.notes)
    }
}
