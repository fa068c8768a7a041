extension Message {
    /// About how many bytes of memory the message takes while it waits. Small values inside `metadata` take many times
    /// their length on the wire, so they are counted one by one.
    package var footprint: Int {
        // The message itself, its session, and the queue's own entry for it.
        var bytes = 640 + prompt.utf8.count + session.id.utf8.count + session.username.utf8.count
        bytes += (session.userID?.utf8.count ?? 0) + (clientID?.utf8.count ?? 0)
        if let completion { bytes += completion.text.utf8.count + (completion.response?.utf8.count ?? 0) }
        for turn in history { bytes += 64 + turn.content.utf8.count }
        if !metadata.isEmpty { bytes += JSONValue.object(metadata).footprint }
        for (field, value) in fields { bytes += 96 + field.name.utf8.count + value.footprint }
        return bytes
    }
}

extension JSONValue {
    /// About how many bytes of memory the value takes besides its own slot.
    fileprivate var footprint: Int {
        switch self {
        case .null, .bool, .int, .double: 0
        // Up to 15 bytes stand in the slot.
        case .string(let text): text.utf8.count > 15 ? text.utf8.count + 32 : 0
        case .array(let values): values.reduce(values.isEmpty ? 0 : 32) { $0 + 24 + $1.footprint }
        // A table of keys and values is at most three quarters full, and has a power of two of slots.
        case .object(let members):
            members.reduce(members.isEmpty ? 0 : 96) { bytes, member in
                bytes + 80 + (member.key.utf8.count > 15 ? member.key.utf8.count + 32 : 0) + member.value.footprint
            }
        }
    }
}
