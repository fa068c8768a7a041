import HTTPClient
import Testing

@Suite("Server-sent events")
struct ServerSentEventsTests {
    private func events(_ pieces: [String]) throws -> [String] {
        var parser = ServerSentEvents()
        return try pieces.flatMap { try parser.read(Array($0.utf8)) }.map { String(decoding: $0.data, as: UTF8.self) }
    }

    @Test(
        "data between empty lines is an event",
        arguments: [
            ("data: a\n\n", ["a"]), ("data:a\n\ndata: b\n\n", ["a", "b"]), ("data: a\r\n\r\n", ["a"]),
            ("data: a\r\rdata: b\r\r", ["a", "b"]), ("data:  a\n\n", [" a"]), ("data: a\ndata: b\n\n", ["a\nb"]),
            (": comment\n\ndata: a\n\n", ["a"]), ("event: x\nid: 1\nretry: 5\ndata: a\n\n", ["a"]),
            ("\u{FEFF}data: a\n\n", ["a"]), ("data\n\n", [""]), ("data: a", []), ("data: a\n", []), ("\n\n\n", []),
            ("datax: a\n\n", []), (" data: a\n\n", []), ("data: é😀\n\n", ["é😀"]),
        ])
    func wholes(_ text: String, _ expected: [String]) throws {
        #expect(try events([text]) == expected)
        var parser = ServerSentEvents()
        let bytewise = try text.utf8.flatMap { try parser.read([$0]) }
        #expect(bytewise.map { String(decoding: $0.data, as: UTF8.self) } == expected)
        for cut in 0...text.utf8.count {
            var parser = ServerSentEvents()
            let bytes = Array(text.utf8)
            let cutOnce = try parser.read(Array(bytes[..<cut])) + parser.read(Array(bytes[cut...]))
            #expect(cutOnce.map { String(decoding: $0.data, as: UTF8.self) } == expected)
        }
    }

    @Test("an event past the limit is an error")
    func tooLarge() throws {
        var parser = ServerSentEvents(limit: 10)
        #expect(throws: HTTPClientError.self) { try parser.read(Array("data: 0123456789".utf8)) }
    }
}
