import Pipeline
import Synchronization

/// Messages between hosts in pieces that the way between them takes: a session may have more to hand over.
///
/// The first byte is 0 for a whole message, 1 for a part; then come for a part 8 bytes of the message's number, and 2 times 4
/// bytes: which part it is, and of how many.
enum HostParts {
    private static let head = 17

    /// A message as it is sent.
    static func of(_ message: [UInt8], number: UInt64, upTo limit: Int) -> [[UInt8]] {
        if message.count < limit { return [[0] + message] }
        let size = max(1, limit - head)
        let count = (message.count + size - 1) / size
        return (0..<count).map { index in
            var part: [UInt8] = [1]
            part.reserveCapacity(size + head)
            for shift in stride(from: 56, through: 0, by: -8) {
                part.append(UInt8(truncatingIfNeeded: number >> shift))
            }
            for value in [index, count] {
                for shift in stride(from: 24, through: 0, by: -8) {
                    part.append(UInt8(truncatingIfNeeded: value >> shift))
                }
            }
            part += message[(index * size)..<min(message.count, (index + 1) * size)]
            return part
        }
    }

    /// Puts parts together, which come in order.
    final class Joiner: Sendable {
        /// Of all messages together that are not whole yet: a host may die between two parts.
        private static let maxBytes = 64 << 20

        private struct State {
            var begun: [UInt64: [UInt8]] = [:]
            var bytes = 0
        }

        private let state = Mutex(State())

        /// - Returns: The message, once it is whole.
        func add(_ part: [UInt8]) -> [UInt8]? {
            guard part.first == 1, part.count >= HostParts.head else {
                return part.first == 0 ? Array(part[1...]) : nil
            }
            func value(_ range: Range<Int>) -> UInt64 { part[range].reduce(0) { $0 << 8 | UInt64($1) } }
            let (number, index, count) = (value(1..<9), value(9..<13), value(13..<17))
            return state.withLock { state in
                if index == 0, state.bytes > Self.maxBytes { state = State() }
                guard index == 0 || state.begun[number] != nil else { return nil }
                state.begun[number, default: []] += part[HostParts.head...]
                state.bytes += part.count - HostParts.head
                guard index + 1 == count, let whole = state.begun.removeValue(forKey: number) else { return nil }
                state.bytes -= whole.count
                return whole
            }
        }
    }
}
