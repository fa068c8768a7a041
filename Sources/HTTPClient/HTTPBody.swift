/// A response's body, piece by piece, for one reader.
///
/// Once 64 KiB wait for the reader nothing more is read from the connection; with what has been read by then it can be
/// 300 KiB before decompression.
package struct HTTPBody: AsyncSequence, Sendable {
    /// Bytes in the order in which they came; never empty.
    package typealias Element = [UInt8]

    /// What reading throws.
    package typealias Failure = HTTPClientError

    let reader: Reader

    /// Begins to read, or goes on with what has not been read.
    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(reader: reader)
    }

    /// Joins what has not been read.
    ///
    /// - Parameter limit: bytes that are taken.
    /// - Throws: ``HTTPClientError``, `bodyTooLarge` where there are more.
    package func collect(upTo limit: Int) async throws(HTTPClientError) -> [UInt8] {
        var whole: [UInt8] = []
        while let piece = try await reader.next() {
            guard piece.count <= limit - whole.count else {
                reader.cancel()
                throw .bodyTooLarge(limit)
            }
            if whole.isEmpty { whole = piece } else { whole += piece }
        }
        return whole
    }

    /// Has what is read in one go end the call where the task is cancelled: that is looked after once, and not for each
    /// piece, as a `for` loop does.
    package func reading<Value>(_ read: (Pieces) async throws -> Value) async throws -> Value {
        try await withTaskCancellationHandler {
            try await read(Pieces(reader: reader))
        } onCancel: {
            reader.cancel()
        }
    }

    /// Takes bytes on the thread that brings them, while the reader waits.
    package protocol Taker: AnyObject, Sendable {
        func take(_ bytes: UnsafeRawBufferPointer) -> Taken
    }

    /// What became of bytes that came while the reader waited.
    package enum Taken {
        /// They are the reader's.
        case none
        /// They are taken, and the reader has something to do.
        case some
        /// They are taken, and the reader waits on.
        case all
    }

    /// The pieces of a body within ``reading(_:)``.
    package struct Pieces {
        let reader: Reader

        /// The next piece; `nil` at the end.
        ///
        /// - Parameter taker: Takes pieces while this waits. Where one says that the reader has something to do, the next
        ///   piece is empty. It is never called at the same time as the reader does something.
        /// - Throws: ``HTTPClientError``, after the pieces that came before it.
        package nonisolated(nonsending) func next(
            orTake taker: (any Taker)? = nil
        ) async throws(HTTPClientError) -> [UInt8]? {
            try await reader.nextWithinHandler(orTake: taker)
        }
    }

    /// Reads a body.
    package struct AsyncIterator: AsyncIteratorProtocol {
        let reader: Reader

        /// The next piece; `nil` at the end.
        ///
        /// - Throws: ``HTTPClientError``, after the pieces that came before it.
        package mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(HTTPClientError) -> [UInt8]? {
            try await reader.next()
        }
    }

    /// Ends the call when nobody can read the body any more.
    final class Reader: Sendable {
        private let call: Call
        private let client: HTTPClient

        init(_ call: Call, of client: HTTPClient) {
            self.call = call
            self.client = client
        }

        deinit {
            if !call.body.isOver { cancel() }
        }

        func next() async throws(HTTPClientError) -> [UInt8]? {
            let step = await withTaskCancellationHandler {
                await call.body.next()
            } onCancel: {
                cancel()
            }
            return try take(step)
        }

        /// Where the task's cancellation is looked after by who calls this.
        nonisolated(nonsending) func nextWithinHandler(
            orTake taker: (any Taker)?
        ) async throws(HTTPClientError) -> [UInt8]? {
            try take(await call.body.next(orTake: taker))
        }

        private func take(_ step: BodyChannel.Step) throws(HTTPClientError) -> [UInt8]? {
            if step.hasMadeRoom { client.resume(call) }
            return try step.piece.get()
        }

        func cancel() {
            call.body.end(.cancelled)
            client.cancel(call)
        }
    }
}
