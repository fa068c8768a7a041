import HTTPClient
import Testing

@Suite("A call", .timeLimit(.minutes(1)))
struct RoundTripTests {
    @Test("brings status, header fields in any case, and the body")
    func plain() async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.respond("201 Created", ["X-One: first ", "X-Two:", "x-one: second"], body: "hello")
        } _: { server, client in
            let response = try await client.send(HTTPRequest(url: server.url))
            #expect(response.status == 201)
            #expect(String(response.body) == "hello")
            #expect(response.headers["x-ONE"] == "first")
            #expect(response.headers["X-Two"] == "")
            #expect(response.headers["X-On"] == nil)
            #expect(
                response.headers.fields.map(\.name) == ["Content-Length", "X-One", "X-Two", "x-one"])
        }
    }

    @Test("joins a chunked body and takes no trailer for a header field")
    func chunked() async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.send("5\r\nhello\r\n7\r\n, world\r\n0\r\nX-Late: yes\r\n\r\n")
        } _: { server, client in
            let response = try await client.send(HTTPRequest(url: server.url))
            #expect(String(response.body) == "hello, world")
            #expect(response.headers["X-Late"] == nil)
        }
    }

    @Test("sends method, target, header fields and body as they are, and adds no field of a form's")
    func posts() async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            guard let request = connection.request() else { return }
            seen.report(request)
            connection.respond()
        } _: { server, client in
            let body: [UInt8] = [0, 1, 2, 0, 255] + Array(repeating: 7, count: 100_000)
            let request = HTTPRequest(
                method: "POST", url: "\(server.url)/v1?a=b", headers: [("X-Key", "k: v"), ("X-Blank", " ")], body: body)
            _ = try await client.send(request)
            let received = try await seen.next()
            #expect(received.line == "POST /v1?a=b HTTP/1.1")
            #expect(received.body == body)
            #expect(received.value("X-Key") == "k: v")
            #expect(received.value("X-Blank") == "")
            #expect(received.value("Expect") == nil)
            #expect(received.value("Content-Type") == nil)
        }
    }

    @Test("goes to its own address, whatever was called before over the same connection")
    func addresses() async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            while let request = connection.request() {
                seen.report(request)
                connection.respond()
            }
        } _: { server, client in
            for (target, sent) in [
                ("/a", "/a"), ("/a", "/a"), ("/b?c=d", "/b?c=d"), ("/a", "/a"), ("/x/../%41?", "/%41?"),
            ] {
                _ = try await client.send(HTTPRequest(url: server.url + target))
                #expect(try await seen.next().line == "GET \(sent) HTTP/1.1")
            }
        }
    }

    @Test(
        "without a body says so where the method usually has one",
        arguments: [("POST", "0"), ("PUT", "0"), ("DELETE", nil), ("GET", nil), ("HEAD", nil)])
    func emptyBody(method: String, length: String?) async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            guard let request = connection.request() else { return }
            seen.report(request)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(method == "HEAD" ? 5 : 0)\r\n\r\n")
            _ = connection.waitForEnd()
        } _: { server, client in
            let response = try await client.send(HTTPRequest(method: method, url: server.url))
            let received = try await seen.next()
            #expect(response.body.isEmpty)
            #expect(received.line == "\(method) / HTTP/1.1")
            #expect(received.value("Content-Length") == length)
        }
    }

    @Test("takes the final response for the response, not those before it")
    func interim() async throws {
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n")
            connection.respond("200 OK", ["X-Late: yes"], body: "done")
        } _: { server, client in
            let response = try await client.send(HTTPRequest(url: server.url))
            #expect(response.status == 200)
            #expect(response.headers["X-Early"] == nil)
            #expect(response.headers["X-Late"] == "yes")
        }
    }

    @Test("decompresses the body, and counts what comes out of it against the limit")
    func compressed() async throws {
        try await serving { connection in
            while connection.request() != nil {
                connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 229\r\n\r\n")
                _ = connection.write(Self.zeros)
            }
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            let response = try await client.send(request)
            #expect(response.body == [UInt8](repeating: 0, count: 200_000))
            request.bodyLimit = 199_999
            #expect(await failure { try await client.send(request) }?.code == .bodyTooLarge)
            #expect(
                await failure { try await client.execute(request).body.collect(upTo: .max) }?.code == .bodyTooLarge)
        }
    }

    /// 200,000 zeros, compressed by gzip.
    private static let zeros: [UInt8] =
        [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0xED, 0xC1, 0x31, 1, 0, 0, 0, 0xC2, 0xA0, 0xF5, 0x4F, 0x6D, 6, 0x7F, 0xA0]
        + [UInt8](repeating: 0, count: 193) + [0x80, 0xD7, 0, 0x7B, 0x58, 0xE0, 0x5C, 0x40, 0x0D, 3, 0]

    @Test("uses the connection of the one before it")
    func keepAlive() async throws {
        try await serving { connection in
            while connection.request() != nil { connection.respond(body: "hello") }
        } _: { server, client in
            for _ in 1...3 { _ = try await client.send(HTTPRequest(url: server.url)) }
            for try await _ in try await client.execute(HTTPRequest(url: server.url)).body {}
            _ = try await client.send(HTTPRequest(method: "POST", url: server.url, body: [1]))
            #expect(server.accepted == 1)
        }
    }

    @Test("leaves nothing behind for the next one with the same handle")
    func noTraces() async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            while let request = connection.request() {
                seen.report(request)
                connection.respond()
            }
        } _: { server, client in
            let first = HTTPRequest(
                method: "PUT", url: "http://user:pass@127.0.0.1:\(server.port)/first", headers: [("X-Key", "secret")],
                body: [1, 2, 3])
            _ = try await client.send(first)
            _ = try await client.send(HTTPRequest(url: "\(server.url)/second"))
            #expect(try await seen.next().value("Authorization") == "Basic dXNlcjpwYXNz")
            let second = try await seen.next()
            #expect(second.line == "GET /second HTTP/1.1")
            #expect(second.value("Authorization") == nil)
            #expect(second.value("X-Key") == nil)
            #expect(second.value("Content-Length") == nil)
        }
    }

    @Test("is one of 64 that run at once")
    func many() async throws {
        let all = Barrier(count: 64)
        try await serving { connection in
            while let request = connection.request() {
                guard all.wait() else { return }
                connection.respond(body: request.line)
            }
        } _: { server, client in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        let response = try await client.send(HTTPRequest(url: "\(server.url)/\(number)"))
                        return String(response.body) == "GET /\(number) HTTP/1.1"
                    }
                }
                for try await isOwn in group { #expect(isOwn) }
            }
        }
    }
}
