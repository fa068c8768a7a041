/// A stage that may have to wait for earlier messages of the same user, beyond its own time.
package protocol WaitingStage: Stage {
    /// What it waits for, in words for `explain`; `nil` where it waits for none.
    var waits: String? { get }
}
