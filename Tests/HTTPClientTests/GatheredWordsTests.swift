import Foundation
import Synchronization
import TestPatience
import Testing

@testable import HTTPClient

@Suite("Words in the middle of an answer", .timeLimit(.minutes(1)))
struct GatheredWordsTests {
    /// Sends a word whenever it is told to.
    private final class Speaker: Sendable {
        private let connection = Mutex<Connection?>(nil)
        private let isOver = DispatchSemaphore(value: 0)

        func speak(on connection: Connection, as type: String) {
            self.connection.withLock { $0 = connection }
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nTransfer-Encoding: chunked\r\n\r\n")
            isOver.wait()
        }

        func say() {
            _ = connection.withLock { $0?.send("4\r\nword\r\n") }
        }

        func end() {
            _ = connection.withLock { $0?.send("0\r\n\r\n") }
            isOver.signal()
        }
    }

    private func words(_ call: Call) -> Int { call.body.waiting / 4 }

    @Test("of events are gathered from the third on, and the next call over that connection is worked on at once")
    func events() throws {
        let speaker = Speaker()
        let server = try LoopbackServer { connection in
            while connection.request() != nil { speaker.speak(on: connection, as: "text/event-stream; charset=utf-8") }
        }
        defer { server.stop() }
        let calls = try #require(ThreadCalls(gathers: true))
        defer { calls.end() }
        for _ in 0..<2 {
            let call = calls.start(server.url)
            #expect(calls.work { call.isOver })
            for word in 1...2 {
                speaker.say()
                #expect(calls.work { words(call) == word })
            }
            speaker.say()
            calls.workForAMoment()
            #expect(words(call) == 2)
            #expect(calls.workOnGathered { words(call) == 3 })
            speaker.end()
            #expect(calls.workOnGathered { call.body.isOver })
        }
        #expect(server.accepted == 1)
    }

    @Test("that were gathered leave nothing to the next connection, though it has the same number")
    func nextConnection() throws {
        let speaker = Speaker()
        let server = try LoopbackServer { connection in
            _ = connection.request()
            speaker.speak(on: connection, as: "text/event-stream")
        }
        defer { server.stop() }
        let calls = try #require(ThreadCalls(gathers: true))
        defer { calls.end() }
        for _ in 0..<3 {
            let call = calls.start(server.url)
            #expect(calls.work { call.isOver })
            for word in 1...2 {
                speaker.say()
                #expect(calls.work { words(call) == word })
            }
            speaker.end()
            #expect(calls.workOnGathered { call.body.isOver })
            // The host closes it, of which the client hears here.
            #expect(calls.workOnWhatIsGatheredNext())
        }
        #expect(server.accepted == 3)
    }

    @Test("that is no stream of events come at once, however many pieces it has")
    func otherBodies() throws {
        let speaker = Speaker()
        let server = try LoopbackServer { connection in
            _ = connection.request()
            speaker.speak(on: connection, as: "application/json")
        }
        defer { server.stop() }
        let calls = try #require(ThreadCalls(gathers: true))
        defer { calls.end() }
        let call = calls.start(server.url)
        #expect(calls.work { call.isOver })
        for word in 1...8 {
            speaker.say()
            #expect(calls.work { words(call) == word })
        }
        speaker.end()
        #expect(calls.work { call.body.isOver })
    }
}

extension ThreadCalls {
    /// Works on what is not gathered until something is so.
    fileprivate func work(until isDone: () -> Bool) -> Bool {
        let limit = ContinuousClock.now + .patience(.seconds(10))
        while !isDone(), .now < limit {
            calls.advance()
            events.work(waiting: 10)
        }
        return isDone()
    }

    private func workOnAllGathered() -> Int {
        let count = events.takeGathered()
        events.workOnGathered(atMost: count)
        return count
    }

    fileprivate func workOnGathered(until isDone: () -> Bool) -> Bool {
        let limit = ContinuousClock.now + .patience(.seconds(10))
        while !isDone(), .now < limit {
            if workOnAllGathered() == 0 { usleep(1_000) }
            calls.advance()
        }
        return isDone()
    }

    /// Works on what is gathered until there is something, and on what that brings.
    fileprivate func workOnWhatIsGatheredNext() -> Bool {
        let limit = ContinuousClock.now + .patience(.seconds(10))
        while workOnAllGathered() == 0 {
            guard .now < limit else { return false }
            usleep(1_000)
        }
        calls.advance()
        return true
    }

    /// Works for a moment on what is not gathered.
    fileprivate func workForAMoment() {
        for _ in 0..<5 {
            calls.advance()
            events.work(waiting: 10)
        }
    }
}
