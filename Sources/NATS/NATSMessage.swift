import CNATS
import Glibc
import Synchronization

/// A header of a message.
package typealias NATSHeader = (name: String, value: String)

/// A message that came from NATS.
package final class NATSMessage: Sendable {
    /// The library's message, which is freed with this one. It is only read, and its headers under the lock: they are parsed
    /// when they are first asked for.
    private struct Pointer: @unchecked Sendable {
        let pointer: UnsafeMutableRawPointer
    }

    private let message: Pointer
    private let headers = Mutex<Void>(())

    /// What the server says instead of a message: 404, 408, 409, 503; `nil` for a message.
    package let status: Int?

    init(_ pointer: UnsafeMutableRawPointer) {
        message = Pointer(pointer: pointer)
        var length: Int32 = 0
        _ = stagecoach_nats_data(pointer, &length)
        // Words of the server's own have no content.
        status =
            length == 0 ? stagecoach_nats_header(pointer, "Status").flatMap { Int(String(cString: $0)) } : nil
    }

    deinit {
        stagecoach_nats_free(message.pointer)
    }

    /// What it was sent to.
    package var subject: String { String(cString: stagecoach_nats_subject(message.pointer)) }

    /// Where an answer goes.
    package var reply: String? { stagecoach_nats_reply(message.pointer).map { String(cString: $0) } }

    /// A header's first value.
    package func header(_ name: String) -> String? {
        headers.withLock { _ in stagecoach_nats_header(message.pointer, name).map { String(cString: $0) } }
    }

    /// Looks at the content.
    package func withPayload<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        var length: Int32 = 0
        let bytes = stagecoach_nats_data(message.pointer, &length)
        return try body(UnsafeRawBufferPointer(start: bytes, count: Int(length)))
    }

    /// A copy of the content.
    package var payload: [UInt8] { withPayload { Array($0) } }

    /// What a subject of the connection's own inbox is for.
    enum Place {
        /// An answer to a request: a number alone.
        case reply(UInt64)
        /// An inbox that was handed out: `s.`, a number and more.
        case inbox(UInt64)
    }

    /// Whose it is; `nil` where it is not for the connection's inbox, whose subjects begin so.
    func place(after prefix: String) -> Place? {
        guard let subject = stagecoach_nats_subject(message.pointer), strncmp(subject, prefix, prefix.utf8.count) == 0
        else {
            return nil
        }
        let rest = subject + prefix.utf8.count
        let isInbox = rest[0] == CChar(bitPattern: UInt8(ascii: "s"))
        if isInbox, rest[1] != CChar(bitPattern: UInt8(ascii: ".")) { return nil }
        let begin = isInbox ? 2 : 0
        var (end, number) = (begin, UInt64(0))
        while let digit = NATSMessage.digit(rest[end]) {
            number = number &* 10 &+ UInt64(digit)
            end += 1
        }
        guard end > begin else { return nil }
        if isInbox { return .inbox(number) }
        return rest[end] == 0 ? .reply(number) : nil
    }

    /// The number that the subject's last part is, of six digits at most; `nil` where it is none.
    package var lastNumber: Int? {
        guard let subject = stagecoach_nats_subject(message.pointer) else { return nil }
        let length = strlen(subject)
        var (number, unit, index) = (0, 1, length)
        while index > 0, let digit = NATSMessage.digit(subject[index - 1]), unit < 1_000_000 {
            number += digit * unit
            unit *= 10
            index -= 1
        }
        guard index < length, index > 0, subject[index - 1] == CChar(bitPattern: UInt8(ascii: ".")) else { return nil }
        return number
    }

    private static func digit(_ byte: CChar) -> Int? {
        let value = Int(byte) - Int(UInt8(ascii: "0"))
        return (0...9).contains(value) ? value : nil
    }
}
