import Synchronization

/// What has come of a body and waits for its reader.
final class BodyChannel: Sendable {
    struct Step {
        /// Bytes; `nil` at the end.
        let piece: Result<[UInt8]?, HTTPClientError>
        /// Whether the call was held up and can go on.
        let hasMadeRoom: Bool
    }

    private struct State {
        var bytes: [UInt8] = []
        var isHeldUp = false
        var end: Result<Void, HTTPClientError>?
        var reader: UnsafeContinuation<Step, Never>?
        /// Takes in the reader's place what comes while it waits.
        var taker: (any HTTPBody.Taker)?

        mutating func take() -> Step? {
            guard bytes.isEmpty else {
                defer { (bytes, isHeldUp) = ([], false) }
                return Step(piece: .success(bytes), hasMadeRoom: isHeldUp && end == nil)
            }
            return end.map { Step(piece: $0.map { nil }, hasMadeRoom: false) }
        }
    }

    /// Bytes that may wait before the sender is held up.
    private static let window = 64 << 10

    private let state = Mutex(State())

    var isOver: Bool {
        state.withLock { $0.end != nil }
    }

    /// Bytes that wait for the reader.
    var waiting: Int {
        state.withLock(\.bytes.count)
    }

    /// - Parameter taker: Takes what comes meanwhile on the thread that brings it, which spares a task its resumption.
    nonisolated(nonsending) func next(orTake taker: (any HTTPBody.Taker)? = nil) async -> Step {
        if let step = state.withLock({ $0.take() }) { return step }
        // Unsafe, as it is resumed for each word: the state gives it away once.
        return await withUnsafeContinuation { continuation in
            let step: Step? = state.withLock { state in
                if let step = state.take() { return step }
                guard state.reader == nil else {
                    let error = HTTPClientError(.invalidRequest, "the body is read by two tasks at once")
                    return Step(piece: .failure(error), hasMadeRoom: false)
                }
                (state.reader, state.taker) = (continuation, taker)
                return nil
            }
            if let step { continuation.resume(returning: step) }
        }
    }

    /// Takes bytes; returns whether the sender should be held up.
    func append(_ new: UnsafeRawBufferPointer) -> Bool {
        typealias Taken = (UnsafeContinuation<Step, Never>?, (any HTTPBody.Taker)?, Bool)
        let (reader, taker, isFull): Taken = state.withLock { state in
            guard state.end == nil else { return (nil, nil, false) }
            if let reader = state.reader.take() { return (reader, state.taker.take(), false) }
            state.bytes.append(contentsOf: new)
            return (nil, nil, state.bytes.count >= Self.window)
        }
        guard let reader else { return isFull }
        if let taker {
            hand(new, to: taker, before: reader)
        } else {
            reader.resume(returning: Step(piece: .success(Array(new)), hasMadeRoom: false))
        }
        return false
    }

    /// Gives bytes to who takes them in the reader's place. Meanwhile there is no reader: an end is kept for it.
    private func hand(
        _ new: UnsafeRawBufferPointer, to taker: any HTTPBody.Taker,
        before reader: UnsafeContinuation<Step, Never>
    ) {
        let taken = taker.take(new)
        let step: Step? = state.withLock { state in
            switch taken {
            case .none: return Step(piece: .success(Array(new)), hasMadeRoom: false)
            case .some: return Step(piece: .success([]), hasMadeRoom: false)
            case .all:
                if let step = state.take() { return step }
                (state.reader, state.taker) = (reader, taker)
                return nil
            }
        }
        if let step { reader.resume(returning: step) }
    }

    /// Whether the sender is to be held up; the step that makes room says so then.
    func holdUp() -> Bool {
        state.withLock { state in
            state.isHeldUp = state.end == nil && state.bytes.count >= Self.window
            return state.isHeldUp
        }
    }

    /// Takes the end; a second one is ignored. What came before a failure is still read, unless the reader has left.
    func end(_ error: HTTPClientError?) {
        let reader: UnsafeContinuation<Step, Never>? = state.withLock { state in
            guard state.end == nil else { return nil }
            state.end = error.map { .failure($0) } ?? .success(())
            if error?.code == .cancelled { state.bytes = [] }
            state.taker = nil
            return state.reader.take()
        }
        reader?.resume(returning: Step(piece: error.map { .failure($0) } ?? .success(nil), hasMadeRoom: false))
    }
}
