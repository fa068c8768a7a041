import DequeModule
import Glibc
import Pipeline

/// Messages that this process has put into a stream and that have not come back: who has the message need not read it again.
/// Only what comes back byte for byte counts. Bounded: the oldest go first, and are read.
struct OwnMessages {
    private struct Entry {
        let payload: [UInt8]
        let kept: KeptMessage
    }

    private let limit: Int
    private let maxBytes: Int
    private var bytes = 0
    private var entries: [UniqueID: Entry] = [:]
    private var order = Deque<UniqueID>()

    init(limit: Int = 2_000, maxBytes: Int = 8 << 20) { (self.limit, self.maxBytes) = (limit, maxBytes) }

    /// How many there are.
    var count: Int { entries.count }

    /// - Parameter payload: What is put into the stream for it.
    mutating func insert(_ kept: KeptMessage, as payload: [UInt8]) {
        // Twice its text: the message has as much again.
        let size = 2 * payload.count
        guard size <= maxBytes / 4 else { return }
        let id = kept.message.id
        remove(id)
        entries[id] = Entry(payload: payload, kept: kept)
        order.append(id)
        bytes += size
        while order.count > limit || bytes > maxBytes, let oldest = order.popFirst() { remove(oldest) }
    }

    /// Takes out the message that a stream has as these bytes; `nil` where it is another's, or has gone.
    mutating func take(_ payload: UnsafeRawBufferPointer) -> KeptMessage? {
        guard !entries.isEmpty, let id = OwnMessages.id(of: payload), let place = entries.index(forKey: id) else {
            return nil
        }
        let isSame = entries.values[place].payload.withUnsafeBytes { own -> Bool in
            guard let begin = own.baseAddress, let other = payload.baseAddress else { return false }
            return own.count == payload.count && memcmp(begin, other, own.count) == 0
        }
        guard isSame else { return nil }
        let entry = entries.remove(at: place).value
        isGone(entry)
        return entry.kept
    }

    /// It will not come, or is to be read when it does.
    mutating func remove(_ id: UniqueID) {
        if let entry = entries.removeValue(forKey: id) { isGone(entry) }
    }

    private mutating func isGone(_ entry: Entry) {
        bytes -= 2 * entry.payload.count
        if entries.isEmpty { order.removeAll(keepingCapacity: true) }
    }

    /// A record begins with its id.
    private static func id(of payload: UnsafeRawBufferPointer) -> UniqueID? {
        let begin = 7
        guard payload.count > begin + 36, payload.starts(with: "{\"id\":\"".utf8) else { return nil }
        return UniqueID(bytes: UnsafeRawBufferPointer(rebasing: payload[begin..<begin + 36]))
    }
}
