import Foundation
import HTTPClient
import Synchronization
import TestPatience
import Testing

@Suite("A connection that is kept", .timeLimit(.minutes(1)))
struct KeptConnectionTests {
    /// What a host says beyond its answer, and whether it says it at once.
    enum Excess: String, CaseIterable {
        case atOnce, rightAfter, later, inHalves, afterChunks, afterNothing, beforeTheCall
    }

    @Test("with more on it than an answer is not used again", arguments: Excess.allCases, [1, 8])
    func excess(_ excess: Excess, clients: Int) async throws {
        try await serving { connection in
            if excess == .beforeTheCall { connection.respond(body: "nobody asked") }
            while let request = connection.request() {
                Self.answer(request.line.split(separator: " ")[1], excess, connection)
            }
        } _: { server, client in
            let wrong = await withTaskGroup { group in
                for number in 0..<clients {
                    group.addTask {
                        var wrong = 0
                        for round in 0..<(200 / clients) {
                            let path = "/\(number)-\(round)"
                            let response = try? await client.send(HTTPRequest(url: server.url + path))
                            let said =
                                excess == .afterNothing ? response?.headers["x-path"] : response.map { String($0.body) }
                            // A host that speaks before it is asked is wrong each time, and never about another's call.
                            if said != path, excess != .beforeTheCall || said?.hasPrefix("/") == true { wrong += 1 }
                        }
                        return wrong
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wrong == 0)
        }
    }

    private static func answer(_ path: Substring, _ excess: Excess, _ connection: Connection) {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)"
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(String(path.utf8.count, radix: 16))\r\n\(path)\r\n0\r\n\r\n"
        switch excess {
        case .atOnce: connection.send(whole + whole)
        case .rightAfter:
            connection.send(whole)
            connection.send(whole)
        case .later:
            connection.send(whole)
            Thread.sleep(forTimeInterval: 0.002)
            connection.send(whole)
        case .inHalves:
            connection.send(chunked + chunked.prefix(30))
            connection.send(String(chunked.dropFirst(30)))
        case .afterChunks: connection.send(chunked + whole)
        case .afterNothing: connection.send("HTTP/1.1 204 No Content\r\nX-Path: \(path)\r\n\r\n" + whole)
        case .beforeTheCall: connection.send(whole)
        }
    }

    @Test("of a host that answers once carries the calls after it, also those that come in its first moments")
    func kept() async throws {
        let reports = Events<String>()
        let server = try LoopbackServer { connection in
            while connection.request() != nil { connection.respond(body: "hello") }
        }
        defer { server.stop() }
        let client = HTTPClient { reports.report($0) }
        for _ in 1...20 { #expect(try await client.send(HTTPRequest(url: server.url)).status == 200) }
        await client.shutdown()
        #expect(server.accepted == 1)
    }

    @Test("is said once to have more on it")
    func said() async throws {
        let reports = Events<String>()
        // The second answer comes once the first is taken: libcurl itself drops what comes in the same read.
        let (isTaken, isSaid) = (Barrier(count: 2), Events<Void>())
        let isFirst = Mutex<Bool?>(true)
        let server = try LoopbackServer { connection in
            while connection.request() != nil {
                connection.respond(body: "hello")
                guard isFirst.withLock({ $0.take() }) != nil else { continue }
                if isTaken.wait() { connection.respond(body: "hello") }
                isSaid.report(())
            }
        }
        defer { server.stop() }
        let client = HTTPClient { reports.report($0) }
        #expect(try await client.send(HTTPRequest(url: server.url)).status == 200)
        #expect(isTaken.wait())
        try await isSaid.next()
        for _ in 1...20 { #expect(try await client.send(HTTPRequest(url: server.url)).status == 200) }
        reports.report("end")
        await client.shutdown()
        #expect(try await reports.next().contains("more than it was asked for"))
        #expect(try await reports.next() == "end")
        #expect(server.accepted > 10)
    }

    @Test("is not used again after a status that its host says to all that have been idle for too long")
    func timeout() async throws {
        let (mayEnd, ends) = (Barrier(count: 2), Events<Void>())
        let isFirst = Mutex<Bool?>(true)
        try await serving(once: true) { connection in
            guard connection.request() != nil else { return }
            connection.respond(body: "hello")
            guard isFirst.withLock({ $0.take() }) != nil else { return }
            if mayEnd.wait() { connection.respond("408 Request Timeout") }
            ends.report(())
            _ = connection.waitForEnd()
        } _: { server, client in
            let first = try await client.send(HTTPRequest(url: server.url))
            #expect(mayEnd.wait())
            try await ends.next()
            #expect(first.status == 200)
            let second = try await client.send(HTTPRequest(url: server.url))
            #expect(second.status == 200)
            #expect(server.accepted == 2)
        }
    }

    @Test("is not used again where its host says two lengths that agree on nothing", arguments: [true, false])
    func lengths(areTwo: Bool) async throws {
        try await serving { connection in
            while connection.request() != nil {
                let other = areTwo ? "Content-Length: 3" : "Transfer-Encoding: chunked"
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\(other)\r\n\r\n3\r\nhey\r\n0\r\n\r\n")
            }
        } _: { server, client in
            for _ in 1...3 {
                let outcome = await failure {
                    let response = try await client.send(HTTPRequest(url: server.url))
                    #expect(String(response.body) == "hey")
                }
                #expect(outcome?.code == (areTwo ? .invalidResponse : nil))
            }
            #expect(server.accepted == 3)
        }
    }
}
