import HTTPClient
import Pipeline

/// A streamed answer that is read by whoever has its bytes: by the thread that brings them while the pieces are taken at
/// once, otherwise by the call's task.
final class DirectAnswer: HTTPBody.Taker, @unchecked Sendable {
    // Unchecked: the thread that brings the bytes reads only while the task waits for it.
    private(set) var reader: AnswerReader
    private let receiver: (any PieceReceiver)?
    /// A piece that was not taken at once.
    private var left: String?
    private var failure: (any Error)?
    /// Whether the receiver knows that the answer has begun.
    private var hasBegun = false

    /// - Parameter receiver: Who may take pieces at once.
    init(hiding reason: ReportedReason, for receiver: (any PieceReceiver)?) {
        reader = AnswerReader(hiding: reason)
        self.receiver = receiver
    }

    var isOver: Bool { reader.isOver && left == nil && failure == nil }

    /// Takes bytes and hands on what they say, as far as that is taken at once.
    func take(_ bytes: UnsafeRawBufferPointer) -> HTTPBody.Taken {
        guard let receiver, receiver.hasRoom else { return .none }
        do {
            try reader.append(bytes)
            if let piece = try handOn() {
                left = piece
                return .some
            }
        } catch {
            failure = error
            return .some
        }
        return reader.isOver ? .some : .all
    }

    func append(_ bytes: [UInt8]) throws {
        if !bytes.isEmpty { try reader.append(bytes) }
    }

    func end() throws { try reader.end() }

    /// Hands on the pieces that have been read.
    ///
    /// - Returns: The first that is not taken at once; `nil` where more must come first.
    func handOn() throws -> String? {
        while let piece = try next() {
            guard let receiver, try receiver.takeAtOnce(piece) else { return piece }
        }
        return nil
    }

    private func next() throws -> String? {
        if let failure { throw failure }
        if let left = left.take() { return left }
        if let piece = try reader.next() {
            hasBegun = true
            return piece
        }
        guard !hasBegun, reader.isThinking else { return nil }
        hasBegun = true
        return ""
    }
}
