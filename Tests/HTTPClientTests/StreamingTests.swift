import HTTPClient
import Synchronization
import Testing

@Suite("Streamed responses")
struct StreamingTests {
    private let client = HTTPClient()

    @Test("pieces come as they are sent, before the response is whole")
    func pieces() async throws {
        let more = Event()
        let server = try ScriptedServer { connection in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
            let done = Event()
            Task {
                await more.wait()
                connection.write("later")
                done.happen()
            }
            connection.awaitClose()
        }
        let response = try await client.stream(HTTPRequest(url: server.url))
        #expect(response.status == 200)
        var iterator = response.body.makeAsyncIterator()
        var received: [UInt8] = []
        while received.count < 5, let piece = try await iterator.next() { received += piece }
        #expect(received == Array("first".utf8))
        more.happen()
        while let piece = try await iterator.next() { received += piece }
        #expect(received == Array("firstlater".utf8))
        await client.shutdown()
    }

    @Test("a reader that waits holds the sender up, and loses nothing")
    func backpressure() async throws {
        let size = 32 << 20
        let sent = Mutex(0)
        let server = try ScriptedServer { connection in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            let block = String(repeating: "x", count: 64 << 10)
            for _ in 0..<(size / (64 << 10)) where connection.write(block) { sent.withLock { $0 += 64 << 10 } }
        }
        var request = HTTPRequest(url: server.url)
        request.bodyLimit = size
        let response = try await client.stream(request)
        var iterator = response.body.makeAsyncIterator()
        var received = try await iterator.next()?.count ?? 0
        // What the kernel's buffers take on both sides is a few megabytes at most.
        #expect(sent.withLock(\.self) < size / 2)
        while let piece = try await iterator.next() { received += piece.count }
        #expect(received == size)
    }

    @Test("a body that nobody reads any more closes the connection")
    func dropped() async throws {
        let closed = Event()
        let server = try ScriptedServer { connection in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
            connection.awaitClose()
            closed.happen()
        }
        _ = try await client.stream(HTTPRequest(url: server.url)).status
        await closed.wait()
    }

    @Test("a stream that breaks off ends with an error after what has come")
    func brokenOff() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        }
        let response = try await client.stream(HTTPRequest(url: server.url))
        var received: [UInt8] = []
        let error = await #expect(throws: HTTPClientError.self) {
            for try await piece in response.body { received += piece }
        }
        #expect(error?.code == .closedEarly)
        #expect(received == Array("ab".utf8))
    }
}
