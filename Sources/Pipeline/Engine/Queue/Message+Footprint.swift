extension Message {
    /// About how many bytes of memory the message takes while it waits.
    package var footprint: Int {
        // The message itself, its session, and the queue's own entry for it.
        var bytes = 640 + prompt.utf8.count + session.id.utf8.count + session.username.utf8.count
        bytes += (session.userID?.utf8.count ?? 0) + (clientID?.utf8.count ?? 0)
        if let completion { bytes += completion.text.utf8.count + (completion.response?.utf8.count ?? 0) }
        for turn in history { bytes += 64 + turn.content.utf8.count }
        bytes += metadata.footprint
        for (field, value) in fields { bytes += 96 + field.name.utf8.count + value.footprint }
        return bytes
    }
}
