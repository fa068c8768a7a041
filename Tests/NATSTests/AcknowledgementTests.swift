import TestNATS
import Testing

@testable import NATS

@Suite("What a stream and its consumers say of messages", .timeLimit(.minutes(2)))
struct AcknowledgementTests {
    @Test func `A server's answer is understood without reading JSON`() async throws {
        let server = try await TestServer()
        defer { server.end() }
        let connection = try NATSConnection.shared(NATSSettings(servers: [server.url]))
        defer { connection.close() }
        #expect(await connection.waitUntilConnected(within: .seconds(20)))
        try await JetStream(connection).create(StreamConfiguration(name: "plain", subjects: ["plain.>"]))
        for number: UInt64 in 1...2 {
            let answer = try await connection.request([], to: "plain.a")
            #expect(answer.withPayload(PublishAcknowledgement.init(plain:))?.sequence == number)
        }
    }

    private func plain(_ text: String) -> PublishAcknowledgement? {
        Array(text.utf8).withUnsafeBytes { PublishAcknowledgement(plain: $0) }
    }

    @Test func `With a blank or without`() {
        for text in [#"{"stream":"a_b", "seq":120}"#, #"{"stream":"a_b","seq":120}"#] {
            #expect(plain(text)?.stream == "a_b")
            #expect(plain(text)?.sequence == 120)
            // Whatever ends too early, or goes on, is left to who reads JSON.
            for end in 0..<text.utf8.count { #expect(plain(String(text.prefix(end))) == nil) }
            #expect(plain(text + " ") == nil)
        }
    }

    @Test(arguments: [
        #"{"stream":"a","domain":"d", "seq":1}"#, #"{"stream":"a", "seq":1,"duplicate": true}"#,
        #"{"stream":"a\u0062", "seq":1}"#, #"{"stream":"a",  "seq":1}"#, #"{"stream":"a", "seq":-1}"#,
        #"{"error":{"code":503},"stream":"a","seq":0}"#,
    ])
    func `Anything else is JSON to be read`(text: String) {
        #expect(plain(text) == nil)
    }

    @Test func `A delivery is of one consumer, and that of one worker`() throws {
        let delivery = try #require(Delivery(acknowledgedTo: "$JS.ACK.stream.chat_store_w1_12.2.345.7.1700.6"))
        #expect(delivery.consumer == "chat_store_w1_12" && delivery.isOf("chat_store_w1_12"))
        #expect(!delivery.isOf("chat_store_w1_1") && !delivery.isOf("chat_store_w1_13") && !delivery.isOf(""))
        #expect(delivery.isOf(worker: "w1"))
        for other in ["w2", "w", "w11", "store", "12", ""] { #expect(!delivery.isOf(worker: other)) }
        #expect(delivery.sequence == 345 && delivery.deliveries == 2 && delivery.pending == 6)
    }

    @Test func `It may come from a domain, and of a consumer that is another's`() throws {
        let far = try #require(Delivery(acknowledgedTo: "$JS.ACK.hub.account.stream.w1_3.1.2.3.4.5.more"))
        #expect(far.consumer == "w1_3" && far.isOf("w1_3") && far.isOf(worker: "w1") && far.sequence == 2)
        let other = try #require(Delivery(acknowledgedTo: "$JS.ACK.stream.plain.1.2.3.4.5"))
        #expect(other.isOf("plain") && !other.isOf(worker: "plain"))
        for text in ["$JS.ACK.stream.a.1.2.3.4", "$JS.ACK.stream.a.1.x.3.4.5", "_INBOX.a.1.2.3.4.5.6.7", ""] {
            #expect(Delivery(acknowledgedTo: text) == nil)
        }
    }
}
