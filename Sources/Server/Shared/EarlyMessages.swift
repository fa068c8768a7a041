/// What other hosts have said for a session that is on its way here: it may come before what it follows is here.
struct EarlyMessages {
    private(set) var messages: [HostMessage] = []
    /// What they take.
    private(set) var bytes = 0
    /// Hosts of which there was no room for everything. Each with the ids of the messages whose ends were among that.
    private(set) var lost: [String: [String?]] = [:]

    var isEmpty: Bool { messages.isEmpty && lost.isEmpty }

    /// Keeps a message, behind those of its host that there are.
    mutating func add(_ message: HostMessage, in room: MovingRoom) {
        let size = message.bytes.count
        // What follows something that is lost is lost, too.
        if lost[message.from] == nil, room.take(size) {
            messages.append(message)
            return bytes += size
        }
        var ends = lost[message.from] ?? []
        if message.kind == .frame, let frame = ServerFrame(shared: message.members["frame"]), !frame.isPiece {
            ends.append(frame.clientID)
        }
        lost[message.from] = ends
    }
}
