/// A response's body, piece by piece, for one reader.
public struct HTTPBody: AsyncSequence, Sendable {
    /// Bytes in the order in which they came.
    public typealias Element = [UInt8]

    let reader: Reader

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(reader: reader)
    }

    /// Reads a body.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let reader: Reader

        /// The next piece; `nil` at the end.
        ///
        /// - Throws: ``HTTPClientError``.
        public mutating func next() async throws -> [UInt8]? {
            try await reader.next()
        }
    }

    /// Ends the call when nobody can read the body any more.
    final class Reader: Sendable {
        private let receiver: StreamingReceiver
        private let transfer: Transfer
        private let worker: CurlWorker

        init(receiver: StreamingReceiver, transfer: Transfer, worker: CurlWorker) {
            self.receiver = receiver
            self.transfer = transfer
            self.worker = worker
        }

        deinit {
            worker.submit(.cancel(transfer))
        }

        func next() async throws -> [UInt8]? {
            try await withTaskCancellationHandler {
                let (piece, wasPaused) = try await receiver.next()
                if wasPaused { worker.submit(.resume(transfer)) }
                return piece
            } onCancel: {
                worker.submit(.cancel(transfer))
            }
        }
    }
}
