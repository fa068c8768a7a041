import DequeModule
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

    /// Puts parts together, which come in any order: each once, or not at all.
    final class Joiner: Sendable {
        /// Of all messages together that are not whole yet: a host may die between two parts.
        private let maxBytes: Int

        private struct Begun {
            var parts: [Int: [UInt8]] = [:]
            var bytes = 0
        }

        private struct State {
            var begun: [UInt64: Begun] = [:]
            /// Those that were begun first come first; one that is whole may still be there.
            var order = Deque<UInt64>()
            var bytes = 0

            mutating func remove(_ number: UInt64) -> Begun? {
                guard let begun = begun.removeValue(forKey: number) else { return nil }
                bytes -= begun.bytes
                if order.first == number { order.removeFirst() }
                return begun
            }
        }

        private let state = Mutex(State())

        init(upTo maxBytes: Int = 64 << 20) { self.maxBytes = maxBytes }

        /// What is kept of messages that are not whole, in bytes.
        var bytes: Int { state.withLock(\.bytes) }

        /// - Returns: The message, once it is whole.
        func add(_ part: [UInt8]) -> [UInt8]? {
            guard part.first == 1, part.count >= HostParts.head else {
                return part.first == 0 ? Array(part[1...]) : nil
            }
            func value(_ range: Range<Int>) -> UInt64 { part[range].reduce(0) { $0 << 8 | UInt64($1) } }
            let (number, index, count) = (value(1..<9), Int(value(9..<13)), Int(value(13..<17)))
            guard index < count else { return nil }
            return state.withLock { state in
                if state.begun[number] == nil { state.order.append(number) }
                let content = Array(part[HostParts.head...])
                guard state.begun[number, default: Begun()].parts.updateValue(content, forKey: index) == nil else {
                    return nil
                }
                state.begun[number]?.bytes += content.count
                state.bytes += content.count
                if state.begun[number]?.parts.count == count, let whole = state.remove(number) {
                    return (0..<count).flatMap { whole.parts[$0] ?? [] }
                }
                while state.bytes > maxBytes, let oldest = state.order.popFirst() { _ = state.remove(oldest) }
                if state.order.count > 2 * state.begun.count + 64 {
                    state.order = state.order.filter { state.begun[$0] != nil }
                }
                return nil
            }
        }
    }
}
