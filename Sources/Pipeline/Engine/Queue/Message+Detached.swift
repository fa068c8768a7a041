extension Message {
    /// The message as its record gives it back, without a way to write and read that: with no way back to its client, and
    /// nothing of what the engine carries along. `nil` where it is traced, as the record begins a part of its trace.
    package var detached: Message? {
        if trace != nil { return nil }
        let session =
            session.address == nil
            ? session : Session(id: session.id, username: session.username, userID: session.userID)
        var copy = Message(
            id: id, receivedAt: receivedAt, session: session, clientID: clientID, prompt: prompt, metadata: metadata)
        copy.completion =
            completion?.finishReason == nil
            ? completion
            : completion.map { Completion(text: $0.text, tokensUsed: $0.tokensUsed, response: $0.response) }
        for (field, value) in fields { copy[field] = value }
        return copy
    }
}
