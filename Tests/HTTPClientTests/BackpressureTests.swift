import HTTPClient
import TestPatience
import Testing

@Suite("A reader that is slow", .timeLimit(.minutes(3)))
struct BackpressureTests {
    @Test("holds the sender up, runs into no deadline for silence, and gets every byte in the end")
    func holdsUp() async throws {
        let whole = 24 << 20
        let stalls = Events<Int>()
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(whole)\r\n\r\n")
            connection.setWritePatience(.patience(.milliseconds(2_400)))
            var (sent, hasStalled) = (0, false)
            while sent < whole {
                let piece = Array(Self.pattern[(sent % Self.period)..<Self.period])
                let count = connection.write(piece)
                sent += count
                if count < piece.count {
                    guard !hasStalled else { return }
                    hasStalled = true
                    stalls.report(sent)
                }
            }
            stalls.report(sent)
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.bodyLimit = whole
            // Less than the stall, and more than Linux takes to look again at a window that was closed.
            request.deadlines.idle = .patience(.milliseconds(1_800))
            let response = try await client.execute(request)
            // What the kernel's buffers of both sides take, and little more.
            #expect(try await stalls.next() < 16 << 20)
            var received = 0
            for try await piece in response.body {
                #expect(piece.count <= 300 << 10)
                let expected = Array(Self.pattern[(received % Self.period)...].prefix(piece.count))
                #expect(piece == expected)
                received += piece.count
            }
            #expect(received == whole)
            #expect(try await stalls.next() >= whole)
        }
    }

    private static let period = 65_521
    private static let pattern = (0..<(8 * period)).map { UInt8(truncatingIfNeeded: $0 % period / 251) }

    @Test("can give up a call that is held up")
    func givesUp() async throws {
        let ends = Events<Bool>()
        try await serving { connection in
            guard connection.request() != nil else { return }
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "10000\r\n" + String(repeating: "x", count: 1 << 16) + "\r\n"
            while connection.send(chunk) {}
            ends.report(true)
        } _: { server, client in
            var request = HTTPRequest(url: server.url)
            request.bodyLimit = .max
            var response: HTTPStreamedResponse? = try await client.execute(request)
            for try await piece in try #require(response).body where !piece.isEmpty { break }
            response = nil
            let hasEnded = try await ends.next()
            #expect(hasEnded)
        }
    }
}
