import Glibc
import HTTPClient
import Testing

@Suite("A deadline", .timeLimit(.minutes(1)))
struct DeadlineTests {
    @Test("for the first byte ends a call whose host says nothing, and closes its connection")
    func firstByte() async throws {
        let ends = Events<Bool>()
        try await serving { connection in
            guard connection.request() != nil else { return }
            ends.report(connection.waitForEnd())
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.deadlines.firstByte = .milliseconds(100)
            let start = ContinuousClock.now
            let error = await failure { try await client.send(request) }
            #expect(error?.code == .timeout)
            #expect(error?.deadline == .firstByte)
            #expect(start.duration(to: .now) >= .milliseconds(100))
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }

    @Test("for silence ends a call whose body stops", arguments: [true, false])
    func idle(isStreamed: Bool) async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            _ = connection.waitForEnd()
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.deadlines.idle = .milliseconds(100)
            let error = await failure {
                if isStreamed {
                    var received = ""
                    do {
                        for try await piece in try await client.execute(request).body { received += String(piece) }
                    } catch {
                        #expect(received == "hello")
                        throw error
                    }
                } else {
                    _ = try await client.send(request)
                }
            }
            #expect(error?.code == .timeout)
            #expect(error?.deadline == .idle)
        }
    }

    @Test("for the whole ends a call that drips on, whatever the others say")
    func total() async throws {
        let ends = Events<Bool>()
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while connection.send("1\r\nx\r\n") { usleep(5_000) }
            ends.report(true)
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.deadlines.idle = .milliseconds(250)
            request.deadlines.total = .milliseconds(300)
            let error = await failure { try await client.send(request) }
            #expect(error?.code == .timeout)
            #expect(error?.deadline == .total)
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }

    @Test("for connecting ends a call whose host does not take connections")
    func connect() async throws {
        let (listener, port) = try LoopbackSocket.listening(backlog: 0)
        // Nobody accepts, so these fill the queue and Linux drops those that come after them.
        let fillers = (0..<4).map { _ in LoopbackSocket.connecting(to: port) }
        defer { for descriptor in fillers + [listener] { close(descriptor) } }
        let client = HTTPClient()
        var request = HTTPRequest(url: "http://127.0.0.1:\(port)")
        request.deadlines.connect = .milliseconds(150)
        let error = await failure { try await client.send(request) }
        #expect(error?.code == .timeout)
        #expect(error?.deadline == .connect)
        await client.shutdown()
    }

    @Test("of no length has passed, and one of any length can be set")
    func extremes() async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.respond()
            _ = connection.waitForEnd()
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.deadlines.total = .seconds(Int64.max)
            request.deadlines.idle = .seconds(Int64.max)
            request.deadlines.connect = .seconds(Int64.max)
            let response = try await client.send(request)
            #expect(response.status == 200)
            request.deadlines.total = .seconds(-1)
            #expect(await failure { try await client.send(request) }?.deadline == .total)
        }
    }
}
