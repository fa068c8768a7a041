import Glibc
import HTTPClient
import Testing

@Suite("A call fails", .timeLimit(.minutes(1)))
struct FailureTests {
    @Test("as it can't connect, where nobody listens")
    func refused() async throws {
        let (listener, port) = try LoopbackSocket.listening(backlog: 1)
        close(listener)
        let client = HTTPClient()
        let error = await failure { try await client.send(HTTPRequest(url: "http://127.0.0.1:\(port)/path")) }
        #expect(error?.code == .connectFailed)
        #expect(error?.detail.contains("Connection refused") == true)
        await client.shutdown()
    }

    @Test(
        "as closed early, where the response is not whole",
        arguments: [
            "", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo",
        ])
    func closedEarly(response: String) async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send(response)
        } _: { server, client in
            let request = HTTPRequest(url: server.url)
            #expect(await failure { try await client.send(request) }?.code == .closedEarly)
            let streamed = await failure { try await client.execute(request).body.collect(upTo: 100) }
            #expect(streamed?.code == .closedEarly)
        }
    }

    @Test("as its response is none, where the host does not speak HTTP")
    func notHTTP() async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("220 mail.example ready\r\n")
        } _: { server, client in
            #expect(await failure { try await client.send(HTTPRequest(url: server.url)) }?.code == .invalidResponse)
        }
    }

    @Test(
        "as its response is none, where the head is larger than 64 KiB, and not where it is smaller",
        arguments: [(60, nil), (70, HTTPClientError.Code.invalidResponse)])
    func largeHead(lines: Int, code: HTTPClientError.Code?) async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
            let line = "X-More: \(String(repeating: "x", count: 1_014))\r\n"
            connection.send(String(repeating: line, count: lines) + "\r\n")
        } _: { server, client in
            #expect(await failure { try await client.send(HTTPRequest(url: server.url)) }?.code == code)
        }
    }

    @Test("as its response is none, where the head has no end")
    func endlessHead() async throws {
        let ends = Events<Bool>()
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\n")
            while connection.send("X-More: \(String(repeating: "x", count: 1_000))\r\n") {}
            ends.report(true)
        } _: { server, client in
            #expect(await failure { try await client.send(HTTPRequest(url: server.url)) }?.code == .invalidResponse)
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }

    @Test(
        "as the body is too large, with the first byte too many, and closes the connection", arguments: [true, false])
    func tooLarge(isStreamed: Bool) async throws {
        let ends = Events<Bool>()
        try await serving { connection in
            while connection.request() != nil {
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n")
                connection.send(String(repeating: "x", count: 1_000) + "\r\n1\r\nx\r\n")
                ends.report(connection.waitForEnd())
            }
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.bodyLimit = 1_000
            let error = await failure {
                if isStreamed {
                    for try await _ in try await client.execute(request).body {}
                } else {
                    _ = try await client.send(request)
                }
            }
            #expect(error?.code == .bodyTooLarge)
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }

    @Test("not, where the body is exactly as large as allowed")
    func justLargeEnough() async throws {
        try await serving { connection in
            while connection.request() != nil { connection.respond(body: String(repeating: "x", count: 1_000)) }
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.bodyLimit = 1_000
            let whole = try await client.send(request).body
            let joined = try await client.execute(request).body.collect(upTo: 1_000)
            #expect(whole.count == 1_000 && joined == whole)
            #expect(
                await failure { try await client.execute(request).body.collect(upTo: 999) }?.code == .bodyTooLarge)
        }
    }

    @Test(
        "before it starts, where the address is none for it",
        arguments: [
            "", "http://", "127.0.0.1:1/", "ftp://127.0.0.1/", "file:///etc/passwd", "http://[::1",
            "http://127.0.0.1:99999/", "http://127.0.0.1:1/a b", "http://127.0.0.1:1/\r\nX: y", "http://a\u{0}b/",
        ])
    func invalidURL(url: String) async throws {
        let client = HTTPClient()
        #expect(await failure { try await client.send(HTTPRequest(url: url)) }?.code == .invalidURL)
        await client.shutdown()
    }

    @Test(
        "before it starts, where a header field would smuggle in others",
        arguments: [
            ("X-Key", "a\r\nX-Other: b"), ("X-Key", "a\nb"), ("X-Key", "a\rb"), ("X-Key", "a\u{0}b"),
            ("X\r\nY", "a"), ("X-Key: b", "a"), ("", "a"), ("X Key", "a"), ("X-Kéy", "a"),
            ("Content-length", "5"), ("TRANSFER-ENCODING", "chunked"),
        ])
    func invalidHeader(name: String, value: String) async throws {
        try await serving { _ in
        } _: { server, client in
            let request = HTTPRequest(url: server.url, headers: [(name, value)])
            #expect(await failure { try await client.send(request) }?.code == .invalidRequest)
            #expect(server.accepted == 0)
        }
    }

    @Test("before it starts, where the method can't be sent", arguments: ["", "GET / HTTP/1.1\r\nX: y", "HEAD"])
    func invalidMethod(method: String) async throws {
        try await serving { _ in
        } _: { server, client in
            let request = HTTPRequest(method: method, url: server.url, body: [1])
            #expect(await failure { try await client.send(request) }?.code == .invalidRequest)
            #expect(server.accepted == 0)
        }
    }

    @Test(
        "without a word of what is secret",
        arguments: ["http://canary:canary@127.0.0.1:PORT/?key=canary", "http://canary:canary@[127.0.0.1:PORT/?canary"])
    func describes(url: String) async throws {
        try await serving { connection in
            _ = connection.request()
            connection.send("HTTP/1.1 200 OK\r\nX-Key: canary\r\nContent-Length: 100\r\n\r\ncanary")
        } _: { server, client in
            let request = HTTPRequest(
                method: "POST", url: url.replacing("PORT", with: "\(server.port)"),
                headers: [("Authorization", "Bearer canary")], body: Array("canary".utf8))
            let error = await failure { try await client.send(request) }
            #expect(error != nil)
            #expect(error.map { "\($0) \(String(reflecting: $0))" }?.contains("canary") == false)
        }
    }
}
