import Glibc
import Pipeline
import Server
import Synchronization

/// Says how far something is that may take long.
///
/// It is silent at first, so that what is soon done says nothing. On a terminal one line is drawn over and over, without
/// colours, and taken away at the end, at Ctrl-C, too. Elsewhere a line is written where something has changed, at most one a
/// second; where nothing has, one after ten seconds, and the next after twice that.
final class Progress: Sendable {
    private struct State {
        var line: ProgressLine
        var tick = 0
        var written: (line: ProgressLine, at: ContinuousClock.Instant)?
        /// How long it says nothing new.
        var patience = Progress.longest
        var isOver = false
    }

    private let state: Mutex<State>
    private let output: ProgressOutput
    private let start: ContinuousClock.Instant

    /// How long it says nothing: on a terminal, and elsewhere.
    private static let (silence, longSilence) = (Duration.milliseconds(200), Duration.seconds(1))
    private static let (shortest, longest) = (Duration.seconds(1), Duration.seconds(10))

    init(_ title: String, to output: ProgressOutput, at start: ContinuousClock.Instant = .now) {
        state = Mutex(State(line: ProgressLine(title: title)))
        (self.output, self.start) = (output, start)
    }

    /// Does something, and says how far it is.
    ///
    /// - Parameters:
    ///   - title: What is done.
    ///   - clearsAtSignals: Whether Ctrl-C is to take the line away; not where the command itself waits for it.
    ///   - refresh: Is asked before each look what it is at now.
    static func during<Result, Failure: Error>(
        _ title: String, to output: ProgressOutput = .standardError(), clearsAtSignals: Bool = true,
        refresh: @escaping @Sendable (Progress) -> Void = { _ in }, _ work: (Progress) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let progress = Progress(title, to: output)
        if case .moving = output.kind, clearsAtSignals { StandardError.clearStatus(at: [SIGINT, SIGTERM, SIGHUP]) }
        let ticking = Task {
            while !Task.isCancelled {
                refresh(progress)
                progress.tick(at: .now)
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
        defer {
            ticking.cancel()
            progress.end()
        }
        return try await work(progress)
    }

    /// What it is at now.
    func note(_ note: String) { state.withLock { $0.line.note = note } }

    /// How many are done.
    func count(_ done: Int, of all: Int, note: String = "") {
        state.withLock { $0.line = ProgressLine(title: $0.line.title, count: .init(done: done, all: all), note: note) }
    }

    /// Writes a line to standard output above it.
    func print(_ line: String) { StandardError.aside { Swift.print(line) } }

    /// Shows what there is to show at a time.
    func tick(at now: ContinuousClock.Instant) {
        state.withLock { state in
            guard !state.isOver else { return }
            let elapsed = now - start
            switch output.kind {
            case .moving:
                guard elapsed >= Progress.silence else { return }
                output.show(state.line.moving(tick: state.tick, elapsed: elapsed, columns: output.columns()))
                state.tick += 1
            case .lines:
                guard elapsed >= Progress.longSilence else { return }
                if let written = state.written {
                    let isSame = written.line == state.line
                    guard now - written.at >= (isSame ? state.patience : Progress.shortest) else { return }
                    state.patience = isSame ? state.patience * 2 : Progress.longest
                }
                state.written = (state.line, now)
                output.write(state.line.plain)
            }
        }
    }

    /// Takes the line away; nothing is shown any more.
    func end() {
        state.withLock { state in
            guard !state.isOver else { return }
            state.isOver = true
            if case .moving = output.kind { output.show("") }
        }
    }
}
