import CEvents
import Foundation
import Synchronization
import TestLoops
import TestPatience
import Testing

@testable import HTTPClient

@Suite("Many calls at once", .timeLimit(.minutes(1)))
struct ManyCallsTests {
    @Test("cost those that move nothing: a word of one of 400 takes what one of the only call does")
    func idleCalls() async throws {
        let words = 200
        let open = Mutex(0)
        let server = try LoopbackServer { connection in
            guard let path = connection.request()?.line.split(separator: " ")[1] else { return }
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            guard path == "/moves" else {
                open.withLock { $0 += 1 }
                _ = connection.waitForEnd()
                return
            }
            for _ in 0..<words {
                connection.send("4\r\nword\r\n")
                Thread.sleep(forTimeInterval: 0.000_5)
            }
            connection.send("0\r\n\r\n")
        }
        defer { server.stop() }
        let calls = try #require(ThreadCalls())
        defer { calls.end() }
        func cost() -> (actions: Int, time: Int) {
            let call = calls.start(server.url + "/moves")
            return calls.work { call.body.isOver }
        }
        let alone = (0..<3).map { _ in cost() }
        let idle = (0..<400).map { _ in calls.start(server.url) }
        // Their heads must have been read, too: each is something that moves.
        _ = calls.work { open.withLock(\.self) == idle.count && idle.allSatisfy(\.isOver) }
        let beside = (0..<3).map { _ in cost() }
        // One for a word at most, and a few to connect.
        for cost in alone + beside { #expect(cost.actions <= words + 10) }
        let (one, many) = (try #require(alone.map(\.time).min()), try #require(beside.map(\.time).min()))
        // Where each wake-up walks over all of them it is ten times as much.
        #expect(many < 3 * one, "\(words) words took \(many) ns beside \(one)")
    }

    /// Where a call is made.
    enum Place: CaseIterable {
        case elsewhere, loop, loopThatTakesNoBells
    }

    @Test(
        "run on a thread that has a name of its own, or on that of the event loop on which they are made",
        arguments: Place.allCases)
    func thread(place: Place) async throws {
        let name = Mutex("")
        let server = try LoopbackServer { connection in
            // Of which the thread is told.
            while connection.request() != nil {
                connection.send("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No\r\n\r\n")
            }
        }
        defer { server.stop() }
        let loop = TestLoop(takesBells: place == .loop)
        defer { loop.stop() }
        loop.execute { stagecoach_name_thread("test-loop") }
        let client = HTTPClient { _ in
            let path = "/proc/thread-self/comm"
            name.withLock { $0 = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        }
        await withTaskExecutorPreference(place == .elsewhere ? nil : loop) {
            for _ in 0..<3 { _ = try? await client.send(HTTPRequest(url: server.url)) }
        }
        await client.shutdown()
        #expect(name.withLock(\.self) == (place == .loop ? "test-loop\n" : "stagecoach-http\n"))
    }

    @Test("of which some run on event loops have a connection each where a host says too much to one of them")
    func distrust() async throws {
        let server = try LoopbackServer { connection in
            while let request = connection.request() {
                guard request.line.contains("/twice") else {
                    connection.respond(body: "hello")
                    continue
                }
                connection.send("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No\r\n\r\n")
            }
        }
        defer { server.stop() }
        let loops = [TestLoop(), TestLoop()]
        defer { for loop in loops { loop.stop() } }
        let client = HTTPClient()
        func call(_ path: String, on loop: TestLoop) async {
            await withTaskExecutorPreference(loop) { _ = try? await client.send(HTTPRequest(url: server.url + path)) }
        }
        for _ in 0..<3 { await call("/", on: loops[0]) }
        #expect(server.accepted == 1)
        for _ in 0..<3 { await call("/twice", on: loops[1]) }
        let accepted = server.accepted
        for _ in 0..<3 { await call("/", on: loops[0]) }
        #expect(server.accepted == accepted + 3)
        await client.shutdown()
    }

    @Test("keep their connections, though they are more than are kept of idle ones")
    func keptConnections() async throws {
        let (calls, rounds) = (300, 3)
        let all = Barrier(count: calls)
        try await serving { connection in
            var isFirst = true
            while connection.request() != nil {
                // So that all are open at once.
                if isFirst, !all.wait() { return }
                isFirst = false
                connection.respond(body: "hello")
            }
        } _: { server, client in
            try await withThrowingTaskGroup { group in
                for _ in 0..<calls {
                    group.addTask {
                        for _ in 0..<rounds {
                            let response = try await client.send(HTTPRequest(url: server.url))
                            #expect(response.body.count == 5)
                        }
                    }
                }
                try await group.waitForAll()
            }
            // Those that end at the same moment may find the connections of the others taken.
            #expect(server.accepted < calls * 3 / 2)
        }
    }

    @Test("that all end before as many begin find all their connections again")
    func waves() async throws {
        let (calls, rounds) = (300, 3)
        let waves = (0..<rounds).map { _ in Barrier(count: calls) }
        try await serving(once: true) { connection in
            while let path = connection.request()?.line.split(separator: " ")[1] {
                // So that all of a wave are open at once.
                guard let wave = Int(path.dropFirst()), waves[wave].wait() else { return }
                connection.respond(body: "hello")
            }
        } _: { server, client in
            var opened: [Int] = []
            for wave in 0..<rounds {
                let before = server.accepted
                try await withThrowingTaskGroup { group in
                    for _ in 0..<calls {
                        group.addTask { _ = try await client.send(HTTPRequest(url: server.url + "/\(wave)")) }
                    }
                    try await group.waitForAll()
                }
                opened.append(server.accepted - before)
            }
            // Between two of them a busy machine may let the second pass after which they are closed.
            #expect(opened.first == calls && opened.dropFirst().contains(0), "\(opened)")
        }
    }

    @Test("over connections that the host closes after each get descriptors that were just another's, not its answers")
    func reusedDescriptors() async throws {
        try await serving { connection in
            guard let path = connection.request()?.line.split(separator: " ")[1] else { return }
            connection.respond("200 OK", ["Connection: close"], body: String(path))
        } _: { server, client in
            try await withThrowingTaskGroup { group in
                for number in 0..<16 {
                    group.addTask {
                        for round in 0..<40 {
                            let path = "/\(number)-\(round)"
                            let response = try await client.send(HTTPRequest(url: server.url + path))
                            #expect(String(decoding: response.body, as: UTF8.self) == path)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(server.accepted == 16 * 40)
        }
    }

    @Test("with one that its reader holds up leave the others as fast as they are, and it goes on where it was")
    func heldUp() async throws {
        let size = 2 << 20
        try await serving { connection in
            while let path = connection.request()?.line.split(separator: " ")[1] {
                let isLarge = path == "/large"
                connection.respond(body: String(repeating: "x", count: isLarge ? size : 5))
            }
        } _: { server, client in
            var request = HTTPRequest(url: server.url + "/large")
            request.bodyLimit = size
            let held = try await client.execute(request)
            for _ in 0..<50 { #expect(try await client.send(HTTPRequest(url: server.url)).body.count == 5) }
            var received = 0
            for try await piece in held.body { received += piece.count }
            #expect(received == size)
        }
    }
}

extension ThreadCalls {
    /// Works until something is so, and returns how often libcurl was called for it and for how long, in nanoseconds.
    fileprivate func work(until isDone: () -> Bool) -> (actions: Int, time: Int) {
        let limit = ContinuousClock.now + .patience(.seconds(10))
        let (actions, start) = (events.actions, time)
        repeat {
            calls.advance()
            events.work(waiting: 100)
        } while !isDone() && .now < limit
        return (events.actions - actions, time - start)
    }

    private var time: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
