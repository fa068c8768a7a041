import Pipeline
import Stages
import Testing

@testable import Host

@Suite("The order of replies")
struct ReplyOrderTests {
    private func frame(_ text: String) -> ServerFrame {
        .error(PipelineError(.busy, text), clientID: nil)
    }

    private func texts(_ frames: [ServerFrame]) -> [String] {
        frames.compactMap { $0.text(in: .text, sequence: 1) }
    }

    private let ids = (0..<3).map { UniqueID.timeOrdered(at: Timestamp(microseconds: $0)) }

    @Test("an answer leaves at once where nothing is before it")
    func alone() {
        var order = ReplyOrder()
        order.expect(ids[0])
        #expect(texts(order.settle(ids[0], frame("a"))) == ["a"])
        #expect(order.count == 0)
    }

    @Test("answers that come early wait for those before them")
    func early() {
        var order = ReplyOrder()
        for id in ids { order.expect(id) }
        #expect(texts(order.settle(ids[2], frame("c"))) == [])
        #expect(texts(order.settle(ids[1], frame("b"))) == [])
        #expect(texts(order.settle(ids[0], frame("a"))) == ["a", "b", "c"])
    }

    @Test("a message without an answer holds nobody up")
    func nothing() {
        var order = ReplyOrder()
        for id in ids { order.expect(id) }
        #expect(texts(order.settle(ids[1], frame("b"))) == [])
        #expect(texts(order.settle(ids[0], nil)) == ["b"])
        #expect(order.count == 1)
    }

    @Test("a second answer is dropped, and so is one for a message nobody expects")
    func twice() {
        var order = ReplyOrder()
        order.expect(ids[0])
        order.expect(ids[1])
        #expect(texts(order.settle(ids[1], frame("b"))) == [])
        #expect(!order.isWaiting(ids[1]))
        #expect(texts(order.settle(ids[1], frame("again"))) == [])
        #expect(texts(order.settle(ids[2], frame("unknown"))) == [])
        #expect(texts(order.settle(ids[0], frame("a"))) == ["a", "b"])
        #expect(texts(order.settle(ids[0], frame("again"))) == [])
    }
}
