import Pipeline
import Stages
import Testing

@testable import Host

@Suite("The order of replies")
struct ReplyOrderTests {
    private func frame(_ text: String) -> ServerFrame {
        .error(PipelineError(.busy, text), clientID: nil, in: .text)
    }

    /// Settles a message and returns what may leave then.
    private func texts(_ order: inout ReplyOrder, _ id: UniqueID, _ frame: ServerFrame?) -> [String] {
        var texts: [String] = []
        if order.settle(id, frame) == .now, let frame { texts.append(frame.text(sequence: 1)) }
        while let frame = order.next() { texts.append(frame.text(sequence: 1)) }
        return texts
    }

    private let ids = (0..<3).map { UniqueID.timeOrdered(at: Timestamp(microseconds: $0)) }

    @Test("an answer leaves at once where nothing is before it")
    func alone() {
        var order = ReplyOrder()
        order.expect(ids[0])
        #expect(texts(&order, ids[0], frame("a")) == ["a"])
        #expect(order.count == 0)
    }

    @Test("answers that come early wait for those before them")
    func early() {
        var order = ReplyOrder()
        for id in ids { order.expect(id) }
        #expect(texts(&order, ids[2], frame("c")) == [])
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(texts(&order, ids[0], frame("a")) == ["a", "b", "c"])
    }

    @Test("a message without an answer holds nobody up")
    func nothing() {
        var order = ReplyOrder()
        for id in ids { order.expect(id) }
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(texts(&order, ids[0], nil) == ["b"])
        #expect(order.count == 1)
    }

    @Test("a second answer is dropped, and so is one for a message nobody expects")
    func twice() {
        var order = ReplyOrder()
        order.expect(ids[0])
        order.expect(ids[1])
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(!order.isWaiting(ids[1]))
        #expect(texts(&order, ids[1], frame("again")) == [])
        #expect(texts(&order, ids[2], frame("unknown")) == [])
        #expect(texts(&order, ids[0], frame("a")) == ["a", "b"])
        #expect(texts(&order, ids[0], frame("again")) == [])
    }
}
