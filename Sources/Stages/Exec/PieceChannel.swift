import Synchronization

/// The pieces of an answer on their way from the thread that reads them to the stage that sends them, one by one.
final class PieceChannel: Sendable {
    enum Step {
        /// Pieces, and whether their coming had been stopped until there was room.
        case pieces([String], hasMadeRoom: Bool)
        case end(ProgramJob.Outcome)
    }

    /// What happens when more waits than should.
    enum WhenFull {
        /// Who writes the pieces is not read until there is room.
        case holdUp
        /// Small pieces are joined, so that what waits takes little more than its text.
        case join
    }

    private struct State {
        var pieces: [String] = []
        var bytes = 0
        var end: ProgramJob.Outcome?
        var reader: CheckedContinuation<Step, Never>?

        mutating func take(isFull: Bool) -> Step? {
            guard pieces.isEmpty else {
                defer { (pieces, bytes) = ([], 0) }
                return .pieces(pieces, hasMadeRoom: isFull)
            }
            return end.map { .end($0) }
        }

        mutating func join(_ piece: String, upTo longest: Int) -> Bool {
            guard let last = pieces.indices.last, pieces[last].utf8.count + piece.utf8.count <= longest else {
                return false
            }
            pieces[last] += piece
            bytes += piece.utf8.count
            return true
        }
    }

    /// What a piece takes besides its text.
    private static let overhead = 32

    /// Pieces are joined up to this length, of which what a piece takes besides is little.
    private static let longestJoined = 1_024

    private let window: Int
    private let whenFull: WhenFull
    private let state = Mutex(State())

    /// - Parameters:
    ///   - window: How many bytes may wait.
    ///   - whenFull: What happens when more wait.
    init(window: Int, whenFull: WhenFull = .holdUp) {
        self.window = window
        self.whenFull = whenFull
    }

    var isOver: Bool { state.withLock { $0.end != nil } }

    /// Whether more waits than should, and more may come.
    var isFull: Bool { state.withLock { $0.end == nil && holdsUp($0.bytes) } }

    private func holdsUp(_ bytes: Int) -> Bool { whenFull == .holdUp && bytes > window }

    func add(_ piece: String) {
        let (reader, step) = state.withLock { state -> (CheckedContinuation<Step, Never>?, Step?) in
            guard state.end == nil else { return (nil, nil) }
            if whenFull == .join, state.bytes > window,
                state.join(piece, upTo: PieceChannel.longestJoined)
            {
                return (nil, nil)
            }
            state.pieces.append(piece)
            state.bytes += piece.utf8.count + PieceChannel.overhead
            guard let reader = state.reader.take() else { return (nil, nil) }
            return (reader, state.take(isFull: holdsUp(state.bytes)))
        }
        if let step { reader?.resume(returning: step) }
    }

    /// Ends it; the first end counts. What came before is still read.
    func finish(_ outcome: ProgramJob.Outcome) {
        let reader = state.withLock { state -> CheckedContinuation<Step, Never>? in
            guard state.end == nil else { return nil }
            state.end = outcome
            return state.reader.take()
        }
        reader?.resume(returning: .end(outcome))
    }

    /// Ends it for a reader that wants nothing any more.
    func abandon() {
        let reader = state.withLock { state -> CheckedContinuation<Step, Never>? in
            (state.pieces, state.bytes) = ([], 0)
            state.end = state.end ?? .failure(CancellationError())
            return state.reader.take()
        }
        reader?.resume(returning: .end(.failure(CancellationError())))
    }

    /// What comes next. One task asks.
    func next() async -> Step {
        await withCheckedContinuation { continuation in
            let step = state.withLock { state -> Step? in
                if let step = state.take(isFull: holdsUp(state.bytes)) { return step }
                state.reader = continuation
                return nil
            }
            if let step { continuation.resume(returning: step) }
        }
    }
}
