import Synchronization

/// Where a transfer puts what it receives. Called on the client's thread only.
protocol Receiver: Sendable {
    /// The response has begun.
    func begin(status: Int, headers: HTTPHeaderFields)
    /// Takes bytes, or says why not.
    func take(_ bytes: UnsafeRawBufferPointer) -> ReceiverAnswer
    /// The transfer is over. Called once.
    func end(_ error: HTTPClientError?)
}

enum ReceiverAnswer {
    case taken
    /// The same bytes are to be offered again later.
    case paused
    case tooLarge
}

/// Joins the whole body and wakes its caller once.
final class CollectingReceiver: Receiver {
    private struct State {
        var status = 0
        var headers = HTTPHeaderFields(block: [])
        var body: [UInt8] = []
        var caller: CheckedContinuation<HTTPResponse, any Error>?
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    func wait(_ caller: CheckedContinuation<HTTPResponse, any Error>) {
        state.withLock { $0.caller = caller }
    }

    func begin(status: Int, headers: HTTPHeaderFields) {
        state.withLock { state in
            state.status = status
            state.headers = headers
        }
    }

    func take(_ bytes: UnsafeRawBufferPointer) -> ReceiverAnswer {
        state.withLock { state in
            guard state.body.count + bytes.count <= limit else { return .tooLarge }
            state.body.append(contentsOf: bytes)
            return .taken
        }
    }

    func end(_ error: HTTPClientError?) {
        let (caller, response) = state.withLock { state in
            defer { state.caller = nil }
            return (state.caller, HTTPResponse(status: state.status, headers: state.headers, body: state.body))
        }
        if let error { caller?.resume(throwing: error) } else { caller?.resume(returning: response) }
    }
}

/// Hands the body on piece by piece, and holds the sender up while pieces wait.
final class StreamingReceiver: Receiver {
    struct Head {
        let status: Int
        let headers: HTTPHeaderFields
    }

    private struct State {
        var head: Head?
        var pieces: [[UInt8]] = []
        var waitingBytes = 0
        var received = 0
        var isPaused = false
        var outcome: HTTPClientError??
        var headCaller: CheckedContinuation<Head, any Error>?
        var reader: CheckedContinuation<Void, Never>?
    }

    /// Bytes that may wait for the reader before the sender is held up.
    private static let window = 64 << 10

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    func waitForHead(_ caller: CheckedContinuation<Head, any Error>) {
        state.withLock { $0.headCaller = caller }
    }

    func begin(status: Int, headers: HTTPHeaderFields) {
        let head = Head(status: status, headers: headers)
        let caller = state.withLock { state in
            state.head = head
            return state.headCaller.take()
        }
        caller?.resume(returning: head)
    }

    func take(_ bytes: UnsafeRawBufferPointer) -> ReceiverAnswer {
        let (answer, reader): (ReceiverAnswer, CheckedContinuation<Void, Never>?) = state.withLock { state in
            guard state.received + bytes.count <= limit else { return (.tooLarge, nil) }
            if state.waitingBytes > 0, state.waitingBytes + bytes.count > Self.window {
                state.isPaused = true
                return (.paused, nil)
            }
            state.received += bytes.count
            state.waitingBytes += bytes.count
            state.pieces.append(Array(bytes))
            return (.taken, state.reader.take())
        }
        reader?.resume()
        return answer
    }

    func end(_ error: HTTPClientError?) {
        let (caller, reader) = state.withLock { state in
            state.outcome = .some(error)
            return (state.headCaller.take(), state.reader.take())
        }
        caller?.resume(throwing: error ?? HTTPClientError(.closedEarly, "there was no response"))
        reader?.resume()
    }

    /// The next piece, and whether the transfer was held up and should go on.
    func next() async throws -> (piece: [UInt8]?, wasPaused: Bool) {
        while true {
            let result: Result<(piece: [UInt8]?, wasPaused: Bool), HTTPClientError>? = state.withLock { state in
                if !state.pieces.isEmpty {
                    let piece = state.pieces.removeFirst()
                    state.waitingBytes -= piece.count
                    defer { state.isPaused = false }
                    return .success((piece, state.isPaused))
                }
                return state.outcome.map { $0.map(Result.failure) ?? .success((nil, false)) }
            }
            if let result { return try result.get() }
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    guard state.pieces.isEmpty, state.outcome == nil else { return false }
                    state.reader = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        }
    }
}
