/// A conversation's part in a shared session.
struct SessionShare {
    let sessions: SharedSessions
    /// The session, where this host has had it when the conversation began.
    let session: SharedSession?
    let comer: SharedSessions.Comer

    /// Looks for a message's answer.
    ///
    /// - Returns: What is known here; and whether another host has the session, so that it is to be asked about what is new.
    func begin(
        _ key: RememberedAnswers.Key, _ look: () -> RememberedAnswers.Finding
    ) -> (finding: RememberedAnswers.Finding, isAway: Bool) {
        if let finding = session?.begin(key, look) { return (finding, false) }
        return (look(), true)
    }
}
