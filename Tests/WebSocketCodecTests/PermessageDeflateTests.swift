import NIOHTTP1
import Testing

@testable import WebSocketCodec

@Suite("The negotiation of permessage-deflate")
struct PermessageDeflateTests {
    @Test(
        "takes what the client offers, with a window no larger than the host's own",
        arguments: [
            ("permessage-deflate", "permessage-deflate"),
            ("Permessage-Deflate", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=12"),
            ("permessage-deflate; client_max_window_bits=15", "permessage-deflate; client_max_window_bits=12"),
            ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=9"),
            ("permessage-deflate; client_max_window_bits=8", "permessage-deflate; client_max_window_bits=8"),
            ("permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=12"),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10"),
            ("permessage-deflate;server_max_window_bits=\"9\"", "permessage-deflate; server_max_window_bits=9"),
            ("permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"),
            ("permessage-deflate ;\tclient_no_context_takeover", "permessage-deflate; client_no_context_takeover"),
        ])
    func taken(offer: String, answer: String) throws {
        #expect(try negotiated([offer])?.answer == answer)
    }

    @Test("keeps to what it answers")
    func parameters() throws {
        let plain = try #require(try negotiated(["permessage-deflate"]))
        #expect(plain.serverWindowBits == 12 && plain.clientWindowBits == 15)
        #expect(!plain.serverNoContextTakeover && !plain.clientNoContextTakeover)
        let all = try #require(
            try negotiated([
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                    + "server_max_window_bits=9; client_max_window_bits=10"
            ]))
        #expect(all.serverWindowBits == 9 && all.clientWindowBits == 10)
        #expect(all.serverNoContextTakeover && all.clientNoContextTakeover)
    }

    @Test(
        "declines what it can't take, without an error",
        arguments: [
            "x-webkit-deflate-frame", "permessage-bzip2; level=9", "permessage-deflate; level=9",
            "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=09", "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; client_max_window_bits=0", "permessage-deflate; client_max_window_bits=x",
            "permessage-deflate; client_max_window_bits=99999999999999999999",
            "permessage-deflate; server_no_context_takeover=true", "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
            "permessage-deflate; Server_No_Context_Takeover",
        ])
    func declined(offer: String) throws {
        #expect(try negotiated([offer]) == nil)
    }

    @Test("takes the first offer that it can, over several header fields as well")
    func fallback() throws {
        let offers = "permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits"
        #expect(try negotiated([offers])?.answer == "permessage-deflate; client_max_window_bits=12")
        let fields = ["foo; bar=\"baz\"", "permessage-deflate; level=1", "permessage-deflate"]
        #expect(try negotiated(fields)?.answer == "permessage-deflate")
        #expect(try negotiated([", permessage-deflate,"])?.answer == "permessage-deflate")
        #expect(try negotiated([]) == nil)
    }

    @Test(
        "a header that can't be read is a bad request",
        arguments: [
            "", ",", ";", "permessage-deflate;", "permessage-deflate; =8", "permessage-deflate; a=", "a b", "a; b c",
            "permessage-deflate; server_max_window_bits=\"9", "permessage-deflate; a=\"\"", "a; b=\" c\"",
            "a; b=\"c \"",
            "permessage-deflate; a=\"b c\"", "\"permessage-deflate\"", "permessage-deflate, (x)", "a=b", "é",
        ])
    func malformed(header: String) {
        #expect(throws: MalformedExtensions.self) { try negotiated([header]) }
    }

    private func negotiated(_ fields: [String]) throws -> PermessageDeflate? {
        try PermessageDeflate.negotiate(HTTPHeaders(fields.map { ("Sec-WebSocket-Extensions", $0) }))
    }
}
