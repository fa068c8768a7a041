import Dispatch
import Synchronization
import TestLoops
import Testing

@testable import HTTPClient

@Suite("Words that are there together", .timeLimit(.minutes(1)))
struct SharedTurnsTests {
    private static let streams = 12
    /// Answers with two words, and with one more whenever it is told to.
    private final class Speaker: Sendable {
        private let listeners = Mutex<[Connection]>([])
        private let isOver = DispatchSemaphore(value: 0)

        private static let word = "4\r\nword\r\n"

        func speak(on connection: Connection) {
            guard connection.request()?.line.contains("/stream") == true else {
                connection.respond(body: "hello")
                return
            }
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            listeners.withLock { $0.append(connection) }
            connection.send(head + Self.word + Self.word)
            isOver.wait()
        }

        /// One word on each connection.
        func say() {
            listeners.withLock { for connection in $0 { connection.send(Self.word) } }
        }

        func end() {
            listeners.withLock { for _ in $0 { isOver.signal() } }
        }
    }

    /// Has words come while the loop does something else, and a call begin right before it looks at them.
    private func say(on loop: TestLoop, _ speaker: Speaker, call: @escaping @Sendable () async -> Void) {
        let (isBusy, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        loop.execute {
            isBusy.signal()
            release.wait()
        }
        isBusy.wait()
        speaker.say()
        Task(executorPreference: loop) { await call() }
        release.signal()
    }

    @Test("are worked on a few in a turn of the loop while calls begin, which looks at its other sockets in between")
    func turns() async throws {
        let speaker = Speaker()
        let server = try LoopbackServer { speaker.speak(on: $0) }
        defer { server.stop() }
        let loop = TestLoop()
        defer { loop.stop() }
        let client = HTTPClient()
        let begun = Events<Void>()
        let words = Events<Int>()
        var most = 0
        try await withThrowingTaskGroup { group in
            for _ in 0..<Self.streams {
                group.addTask(executorPreference: loop) {
                    let response = try await client.execute(HTTPRequest(url: server.url + "/stream"))
                    var bytes = 0
                    for try await piece in response.body {
                        bytes += piece.count
                        if bytes == 8 { begun.report(()) } else if bytes > 8 { words.report(loop.turns) }
                    }
                }
            }
            for _ in 0..<Self.streams { try await begun.next() }
            // On a busy machine a turn may come so late that calls no longer count as beginning.
            for _ in 0..<5 where most < Self.streams / 2 {
                say(on: loop, speaker) { _ = try? await client.send(HTTPRequest(url: server.url)) }
                var turns: Set<Int> = []
                for _ in 0..<Self.streams { turns.insert(try await words.next()) }
                most = max(most, turns.count)
            }
            speaker.end()
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
        await client.shutdown()
        #expect(most >= Self.streams / 2)
    }
}
