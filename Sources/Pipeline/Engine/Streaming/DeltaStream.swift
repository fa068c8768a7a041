import Synchronization

extension Message {
    /// An answer's pieces on their way to the client, while the rest is still to come.
    ///
    /// The engine puts one into a message before a stage that is a ``StreamingStage``, where the pipeline lets its pieces
    /// through to the client.
    public final class DeltaStream: Sendable {
        private let reply: any Reply
        private let filters: [any DeltaStage]
        /// That of the outermost stage around the one that makes the pieces; `nil` where this is it.
        private let outermost: Message.DeltaStream?
        /// What has left for the client, where this is the outermost.
        private let sent = Mutex("")

        /// - Parameter outer: That of the composite stage around the one that makes the pieces.
        init(_ reply: any Reply, through filters: [any DeltaStage], inside outer: Message.DeltaStream? = nil) {
            self.reply = reply
            self.filters = filters
            outermost = outer.map { $0.outermost ?? $0 }
        }

        /// What has left for the client so far: known to the stage that makes the pieces and to those around it.
        var text: String { (outermost ?? self).sent.withLock(\.self) }

        /// Whether anything has left, so that the answer can't be begun again.
        public var hasLeft: Bool { !(outermost ?? self).sent.withLock(\.isEmpty) }

        /// Whether pieces are likely to leave at once from this thread.
        package var hasRoom: Bool { filters.isEmpty && reply.hasRoom }

        /// Sends a piece where nothing has to be waited for, which is so for most: they are spared the functions that wait.
        ///
        /// - Returns: Whether it was sent; otherwise it is to be sent by ``send(_:of:)``.
        /// - Throws: `CancellationError`.
        package func sendAtOnce(_ delta: String, of message: Message) throws -> Bool {
            guard hasRoom else { return false }
            try Task.checkCancellation()
            if !delta.isEmpty { leave(delta, of: message) }
            return true
        }

        /// Sends a piece, and waits while the client takes less than comes, but not past the time of the whole answer.
        ///
        /// - Parameters:
        ///   - deadline: When the answer must have ended, by the engine's clock.
        ///   - late: What is thrown where the client takes so little that it has not.
        /// - Throws: What a stage throws that works on pieces; `late`; `CancellationError`.
        package nonisolated(nonsending) func send(
            _ delta: String, of message: Message, until deadline: ContinuousClock.Instant,
            orThrow late: @autoclosure () -> any Error
        ) async throws {
            if try !sendAtOnce(delta, of: message) { try await send(delta, of: message) }
            if EngineTime.now > deadline { throw late() }
        }

        private func leave(_ delta: String, of message: Message) {
            (outermost ?? self).sent.withLock { $0 += delta }
            reply.send(delta: delta, of: message)
        }

        /// Sends a piece, and waits while the client takes less than comes.
        ///
        /// - Throws: What a stage throws that works on pieces; `CancellationError`.
        public func send(_ delta: String, of message: Message) async throws {
            var delta = delta
            for filter in filters { try await filter.run(delta: &delta, of: message) }
            try Task.checkCancellation()
            guard !delta.isEmpty else { return }
            leave(delta, of: message)
            await reply.waitForRoom()
        }
    }
}

/// A stage that can work on an answer piece by piece, so that it need not hold up streaming. Where nothing is streamed
/// its ``Stage/run(_:)`` gets the whole; where something is, that is called too, once the whole is there.
public protocol DeltaStage: Stage {
    /// Works on a piece before it leaves for the client.
    ///
    /// - Throws: As ``Stage/run(_:)``.
    func run(delta: inout String, of message: Message) async throws
}
