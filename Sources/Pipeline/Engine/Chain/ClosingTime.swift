/// Until when a stage or resource must have closed, for those that wait for others meanwhile: a server, a program. After
/// that nobody waits for them, and what they have not ended stays.
package enum ClosingTime {
    /// `nil` where nothing is said.
    @TaskLocal package static var deadline: ContinuousClock.Instant?

    /// How long one that closes now may wait, so that some time is left for what it does then.
    ///
    /// - Parameter limit: How long it waits where it has all the time that it wants.
    package static func left(atMost limit: Duration) -> Duration {
        guard let deadline else { return limit }
        let left = deadline - .now
        return max(.zero, min(limit, left - min(left * 0.2, .milliseconds(50))))
    }
}
