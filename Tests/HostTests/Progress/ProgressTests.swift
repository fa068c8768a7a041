import Synchronization
import Testing

@testable import Host
@testable import Server

@Suite("Progress of what takes long")
struct ProgressTests {
    /// Keeps what is shown.
    private final class Screen: Sendable {
        private let all = Mutex<(shown: [String], written: [String])>(([], []))

        var shown: [String] { all.withLock { $0.shown } }
        var written: [String] { all.withLock { $0.written } }

        func output(_ kind: ProgressOutput.Kind, columns: Int = 80) -> ProgressOutput {
            ProgressOutput(
                kind: kind, columns: { columns }, show: { text in self.all.withLock { $0.shown.append(text) } },
                write: { line in self.all.withLock { $0.written.append(line) } })
        }
    }

    @Test("a line on a terminal moves, says how far it is, and is taken away at the end")
    func moving() {
        let (screen, start) = (Screen(), ContinuousClock.now)
        let progress = Progress("replaying x", to: screen.output(.moving), at: start)
        progress.tick(at: start + .milliseconds(100))
        progress.count(3, of: 10, note: "1 failed")
        progress.tick(at: start + .milliseconds(300))
        progress.tick(at: start + .seconds(75))
        progress.end()
        progress.tick(at: start + .seconds(76))
        #expect(
            screen.shown == [
                "| replaying x: 3 of 10, 1 failed", "/ replaying x: 3 of 10, 1 failed, 1m 15s", "",
            ])
        #expect(screen.written.isEmpty)
    }

    @Test("elsewhere there is at most one line a second, and none about what is soon done")
    func lines() {
        let (screen, start) = (Screen(), ContinuousClock.now)
        let progress = Progress("testing", to: screen.output(.lines), at: start)
        for step in 0..<1_000 {
            progress.count(step, of: 1_000)
            progress.tick(at: start + .milliseconds(step))
        }
        #expect(screen.written.isEmpty)
        for step in 0...250 {
            progress.count(step, of: 250)
            progress.tick(at: start + .seconds(1) + .milliseconds(10 * step))
        }
        #expect(
            screen.written == ["testing: 0 of 250", "testing: 100 of 250", "testing: 200 of 250"])
        for second in 4..<30 { progress.tick(at: start + .seconds(second)) }
        #expect(
            Array(screen.written.dropFirst(3)) == [
                "testing: 250 of 250", "testing: 250 of 250",
            ])
        progress.end()
        #expect(screen.shown.isEmpty)
    }

    @Test("no line is as wide as the terminal", arguments: [1, 2, 5, 12, 20, 40, 200])
    func width(columns: Int) {
        let line = ProgressLine(
            title: "replaying 日本語の長い名前.jsonl", count: .init(done: 12, all: 3_000), note: "2 failed\u{1B}[2J")
        let text = line.moving(tick: 7, elapsed: .seconds(3_725), columns: columns)
        #expect(TerminalText.width(of: text) < max(2, columns))
        #expect(!text.unicodeScalars.contains("\u{1B}"))
        #expect(columns < 60 || text.hasSuffix(", 1h 2m 5s"))
    }

    @Test("what a stop waits for is said without what there is none of")
    func awaitedWork() {
        let all = AwaitedWork(connections: 1, running: 2, waiting: 30, left: .milliseconds(12_900))
        #expect(all.words == "2 messages in a stage, 30 messages in a queue, 1 connection open; 12s left")
        let none = AwaitedWork(connections: 0, running: 0, waiting: 0, left: .zero)
        #expect(none.words == "closing; 0 left")
    }

    @Test("no line moves on what is no terminal, or can't go back")
    func kinds() {
        // Tests have no terminal as standard error; TERM alone does not make one.
        #expect(ProgressOutput.standardError(environment: ["TERM": "dumb"]).kind == .lines)
        #expect(ProgressOutput.standardError(environment: [:]).kind == .lines)
    }
}
