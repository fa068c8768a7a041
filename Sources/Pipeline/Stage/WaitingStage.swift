/// A stage that may have to wait for earlier messages of the same user, beyond its own time.
package protocol WaitingStage: Stage {
    /// What it waits for, in words for `explain`; `nil` where it waits for none.
    var waits: String? { get }
}

/// A stage that counts something by the names of users, which clients choose where nobody is authenticated.
package protocol NameCountingStage: Stage {
    /// The setting that goes by a user's name, in quotes; `nil` where none does.
    var countsByName: String? { get }
}
