import HTTPClient
import Synchronization
import Testing

@Suite("The HTTP client")
struct HTTPClientTests {
    private let client = HTTPClient()

    private func request(_ server: ScriptedServer, _ change: (inout HTTPRequest) -> Void = { _ in }) -> HTTPRequest {
        var request = HTTPRequest(url: server.url)
        change(&request)
        return request
    }

    private func failure(_ request: HTTPRequest) async -> HTTPClientError.Code? {
        do throws(HTTPClientError) {
            _ = try await client.send(request)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("status, headers and body come back")
    func plain() async throws {
        let server = try ScriptedServer { connection in
            while connection.request() != nil { connection.respond("hello", headers: "X-Thing:  one two \r\n") }
        }
        let response = try await client.send(request(server))
        #expect(response.status == 200)
        #expect(response.headers["x-thing"] == "one two")
        #expect(String(decoding: response.body, as: UTF8.self) == "hello")
    }

    @Test("a chunked body is joined, an interim response is passed over")
    func chunked() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.request()
            connection.write("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
            connection.write(
                "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        }
        let response = try await client.send(request(server))
        #expect(response.status == 201)
        #expect(response.headers["link"] == nil)
        #expect(response.body == Array("abcde".utf8))
    }

    @Test("method, headers and body arrive as they were given, without an Expect")
    func sent() async throws {
        let seen = Mutex<(head: String, body: [UInt8])?>(nil)
        let server = try ScriptedServer { connection in
            let received = connection.request()
            seen.withLock { $0 = received }
            connection.respond("")
        }
        let body = [UInt8](repeating: 7, count: 5_000)
        _ = try await client.send(
            request(server) { request in
                request.method = "POST"
                request.headers = [("X-One", "1"), ("X-Empty", "")]
                request.body = body
            })
        let request = seen.withLock(\.self)
        let received = try #require(request)
        #expect(received.head.hasPrefix("POST / HTTP/1.1\r\n"))
        #expect(received.head.contains("\r\nX-One: 1\r\n"))
        #expect(received.head.contains("\r\nX-Empty:"))
        #expect(!received.head.lowercased().contains("expect:"))
        #expect(received.body == body)
    }

    @Test("connections are kept and used again")
    func reuse() async throws {
        let server = try ScriptedServer { connection in
            while connection.request() != nil { connection.respond("x") }
        }
        for _ in 0..<5 { _ = try await client.send(request(server)) }
        #expect(server.connections == 1)
    }

    @Test("many calls run at once")
    func concurrent() async throws {
        let arrived = Mutex(0)
        let all = Event()
        let server = try ScriptedServer { connection in
            _ = connection.request()
            if arrived.withLock({
                $0 += 1; return $0
            }) == 64 {
                all.happen()
            }
            let done = Event()
            Task {
                await all.wait()
                connection.respond("x")
                done.happen()
            }
            connection.awaitClose()
        }
        try await withThrowingTaskGroup { group in
            for _ in 0..<64 {
                group.addTask { _ = try await client.send(request(server)) }
            }
            try await group.waitForAll()
        }
        #expect(arrived.withLock(\.self) == 64)
        await client.shutdown()
    }

    @Test("a redirect is a response and not followed")
    func redirect() async throws {
        let elsewhere = try ScriptedServer { $0.respond("") }
        let target = elsewhere.url
        let server = try ScriptedServer { connection in
            _ = connection.request()
            connection.respond("", status: "302 Found", headers: "Location: \(target)\r\n")
        }
        let response = try await client.send(request(server) { $0.headers = [("Authorization", "Bearer k")] })
        #expect(response.status == 302)
        #expect(elsewhere.connections == 0)
    }

    @Test("nobody listening, a bad name and a bad address each have their code")
    func unreachable() async {
        #expect(await failure(HTTPRequest(url: "http://127.0.0.1:1/")) == .connectFailed)
        #expect(await failure(HTTPRequest(url: "http://name.invalid/")) == .nameNotResolved)
        #expect(await failure(HTTPRequest(url: "http://[bad/")) == .invalidRequest)
        #expect(await failure(HTTPRequest(url: "file:///etc/passwd")) == .invalidRequest)
    }

    @Test("a header that would smuggle another in is refused")
    func smuggling() async {
        for header in [("X", "a\r\nY: b"), ("X\r\nY", "b"), ("X", "a\u{0}"), ("", "a"), ("X: Y", "a")] {
            var request = HTTPRequest(url: "http://127.0.0.1:1/")
            request.headers = [header]
            #expect(await failure(request) == .invalidRequest)
        }
    }

    @Test("each deadline ends the call")
    func deadlines() async throws {
        let silent = try ScriptedServer { connection in
            _ = connection.request()
            connection.awaitClose()
        }
        let stalling = try ScriptedServer { connection in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
            connection.awaitClose()
        }
        #expect(await failure(request(silent) { $0.deadlines.firstByte = .milliseconds(100) }) == .timeout)
        #expect(await failure(request(silent) { $0.deadlines.total = .milliseconds(100) }) == .timeout)
        #expect(await failure(request(stalling) { $0.deadlines.idle = .milliseconds(100) }) == .timeout)
        #expect(await failure(request(stalling) { $0.deadlines.total = .milliseconds(100) }) == .timeout)
    }

    @Test("a body that breaks off, or is too large, is an error")
    func brokenBodies() async throws {
        let cut = try ScriptedServer { connection in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        }
        let large = try ScriptedServer { connection in
            _ = connection.request()
            connection.respond(String(repeating: "x", count: 2_000))
        }
        #expect(await failure(request(cut)) == .closedEarly)
        #expect(await failure(request(large) { $0.bodyLimit = 1_999 }) == .bodyTooLarge)
        #expect(await failure(request(large) { $0.bodyLimit = 2_000 }) == nil)
    }

    @Test("a cancelled call closes its connection")
    func cancelled() async throws {
        let arrived = Event()
        let closed = Event()
        let server = try ScriptedServer { connection in
            _ = connection.request()
            arrived.happen()
            connection.awaitClose()
            closed.happen()
        }
        let call = Task { await failure(request(server)) }
        await arrived.wait()
        call.cancel()
        #expect(await call.value == .cancelled)
        await closed.wait()
    }

    @Test("a call cancelled before it begins never connects")
    func cancelledBefore() async throws {
        let server = try ScriptedServer { _ = $0.request() }
        let gate = Event()
        let call = Task {
            await gate.wait()
            return await failure(request(server))
        }
        call.cancel()
        gate.happen()
        #expect(await call.value == .cancelled)
        #expect(server.connections == 0)
    }

    @Test("shutting down ends what runs, and later calls are refused")
    func shutdown() async throws {
        let arrived = Event()
        let server = try ScriptedServer { connection in
            _ = connection.request()
            arrived.happen()
            connection.awaitClose()
        }
        let call = Task { await failure(request(server)) }
        await arrived.wait()
        await client.shutdown()
        #expect(await call.value == .shutDown)
        #expect(await failure(request(server)) == .shutDown)
        await client.shutdown()
    }

    @Test("an error's description holds nothing of the request")
    func discretion() async {
        var request = HTTPRequest(url: "http://user:canary@127.0.0.1:1/?key=canary")
        request.headers = [("Authorization", "canary")]
        await #expect { _ = try await client.send(request) } throws: { !"\($0)".contains("canary") }
    }
}
