import CNATS
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

    /// Its number at the end of the subject, behind so many bytes: which request it answers.
    func token(after prefix: Int) -> UInt64? {
        guard let subject = stagecoach_nats_subject(message.pointer) else { return nil }
        var token: UInt64 = 0
        var place = prefix
        while case let digit = UInt8(bitPattern: subject[place]), digit != 0 {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            token = token &* 10 &+ UInt64(digit - UInt8(ascii: "0"))
            place += 1
        }
        return place > prefix ? token : nil
    }
}
