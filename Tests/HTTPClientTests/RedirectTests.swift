import HTTPClient
import Testing

@Suite("A redirect", .timeLimit(.minutes(1)))
struct RedirectTests {
    private static let secrets = [
        "Authorization", "Proxy-Authorization", "apikey", "api-key", "X-API-Key", "x-goog-api-key", "Cookie",
        "OpenAI-Organization",
    ]

    @Test("is returned as it is where none was asked for")
    func off() async throws {
        try await serving { connection in
            while connection.request() != nil { connection.respond("302 Found", ["Location: /other"], body: "moved") }
        } _: { server, client in
            let response = try await client.send(HTTPRequest(url: server.url))
            #expect(response.status == 302)
            #expect(String(response.body) == "moved")
        }
    }

    @Test("to another port never carries the key", arguments: [301, 302, 303, 307, 308], [true, false])
    func otherOrigin(status: Int, isStreamed: Bool) async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            while let request = connection.request() {
                seen.report(request)
                connection.respond(body: "arrived")
            }
        } _: { other, _ in
            try await serving { connection in
                while connection.request() != nil {
                    connection.respond("\(status) Moved", ["Location: \(other.url)/new?a=b"], body: "moved")
                }
            } _: { server, client in
                var request = HTTPRequest(url: "http://user:pass@127.0.0.1:\(server.port)/old")
                request.headers = Self.secrets.map { ($0, "secret") } + [("Accept", "text/plain")]
                request.redirectLimit = 1
                let body =
                    if isStreamed {
                        try await client.execute(request).body.collect(upTo: 100)
                    } else {
                        try await client.send(request).body
                    }
                #expect(String(body) == "arrived")
                let received = try await seen.next()
                #expect(received.line == "GET /new?a=b HTTP/1.1")
                #expect(received.value("Accept") == "text/plain")
                for name in Self.secrets { #expect(received.value(name) == nil) }
                #expect(!received.fields.contains { $0.contains("secret") || $0.contains("dXNlcjpwYXNz") })
            }
        }
    }

    @Test(
        "to another origin is returned as it is where the request stays at its own",
        arguments: [301, 302, 303, 307, 308])
    func staysAtOrigin(status: Int) async throws {
        try await serving { connection in
            while connection.request() != nil { connection.respond(body: "another's") }
        } _: { other, _ in
            try await serving { connection in
                while let request = connection.request() {
                    let path = request.line.split(separator: " ")[1]
                    let place = path == "/a" ? "/b" : "http://127.0.0.1:\(other.port)/b"
                    connection.respond("\(status) Moved", ["Location: \(place)"], body: "moved")
                }
            } _: { server, client in
                var request = HTTPRequest(url: "\(server.url)/a")
                request.redirectLimit = 5
                request.staysAtOrigin = true
                let response = try await client.send(request)
                #expect(response.status == status)
                #expect(response.headers["location"] == "http://127.0.0.1:\(other.port)/b")
            }
        }
    }

    @Test("back to the first host does not give it the key again")
    func thereAndBack() async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            guard let host = connection.request()?.line.split(separator: " ")[1].dropFirst(2) else { return }
            connection.respond("302 Found", ["Location: http://\(host)/back"])
        } _: { other, _ in
            try await serving { connection in
                while let request = connection.request() {
                    seen.report(request)
                    if request.line.contains("/back") {
                        connection.respond()
                    } else {
                        connection.respond("302 Found", ["Location: \(other.url)/?\(request.value("Host") ?? "")"])
                    }
                }
            } _: { server, client in
                var request = HTTPRequest(url: server.url, headers: [("Authorization", "secret")])
                request.redirectLimit = 2
                let response = try await client.send(request)
                #expect(response.status == 200)
                #expect(try await seen.next().value("Authorization") == "secret")
                let received = try await seen.next()
                #expect(received.line == "GET /back HTTP/1.1")
                #expect(received.value("Authorization") == nil)
            }
        }
    }

    @Test("within the host keeps header fields, and goes on over the same connection")
    func sameOrigin() async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            while let request = connection.request() {
                seen.report(request)
                if request.line.contains("/a/old") {
                    connection.respond("307 Temporary Redirect", ["Location: ../b/new?x=1"])
                } else {
                    connection.respond(body: "arrived")
                }
            }
        } _: { server, client in
            var request = HTTPRequest(
                method: "POST", url: "\(server.url)/a/old?y=2", headers: [("Authorization", "secret")], body: [1, 2])
            request.redirectLimit = 1
            #expect(String(try await client.send(request).body) == "arrived")
            _ = try await seen.next()
            let received = try await seen.next()
            #expect(received.line == "POST /b/new?x=1 HTTP/1.1")
            #expect(received.value("Authorization") == "secret")
            #expect(received.body == [1, 2])
            #expect(server.accepted == 1)
        }
    }

    @Test("that would take a body to another host is returned as it is", arguments: [307, 308])
    func bodyStays(status: Int) async throws {
        try await serving { _ in
        } _: { other, _ in
            try await serving { connection in
                while connection.request() != nil {
                    connection.respond("\(status) Moved", ["Location: \(other.url)/"])
                }
            } _: { server, client in
                var request = HTTPRequest(method: "POST", url: server.url, body: [1])
                request.redirectLimit = 5
                let response = try await client.send(request)
                #expect(response.status == status)
                #expect(other.accepted == 0)
            }
        }
    }

    @Test("after a POST becomes a GET without its body", arguments: [301, 302, 303])
    func becomesGet(status: Int) async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            while let request = connection.request() {
                seen.report(request)
                if request.line.contains("/old") {
                    connection.respond("\(status) Moved", ["Location: /new"])
                } else {
                    connection.respond()
                }
            }
        } _: { server, client in
            var request = HTTPRequest(
                method: "POST", url: "\(server.url)/old", headers: [("Content-Type", "text/plain")], body: [1])
            request.redirectLimit = 5
            _ = try await client.send(request)
            _ = try await seen.next()
            let received = try await seen.next()
            #expect(received.line == "GET /new HTTP/1.1")
            #expect(received.value("Content-Type") == nil)
            #expect(received.value("Content-Length") == nil)
        }
    }

    @Test("is followed so often and no more")
    func limit() async throws {
        let seen = Events<Connection.Request>()
        try await serving { connection in
            while let request = connection.request() {
                seen.report(request)
                connection.respond("302 Found", ["Location: /again"])
            }
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.redirectLimit = 3
            let response = try await client.send(request)
            #expect(response.status == 302)
            for _ in 0...3 { _ = try await seen.next() }
            #expect(server.accepted == 1)
        }
    }

    @Test(
        "to what is no web address is returned as it is",
        arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:1/", "http://[", ""])
    func otherSchemes(location: String) async throws {
        try await serving { connection in
            while connection.request() != nil { connection.respond("302 Found", ["Location: \(location)"]) }
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.redirectLimit = 1
            let response = try await client.send(request)
            #expect(response.status == 302)
        }
    }
}
