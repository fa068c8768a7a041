import Pipeline
import Testing

@testable import Server

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
        order.expect(ids[0], size: 1)
        #expect(texts(&order, ids[0], frame("a")) == ["a"])
        #expect(order.count == 0)
    }

    @Test("answers that come early wait for those before them")
    func early() {
        var order = ReplyOrder()
        for id in ids { order.expect(id, size: 1) }
        #expect(texts(&order, ids[2], frame("c")) == [])
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(texts(&order, ids[0], frame("a")) == ["a", "b", "c"])
    }

    @Test("a message without an answer holds nobody up")
    func nothing() {
        var order = ReplyOrder()
        for id in ids { order.expect(id, size: 1) }
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(texts(&order, ids[0], nil) == ["b"])
        #expect(order.count == 1)
    }

    @Test("a second answer is dropped, and so is one for a message nobody expects")
    func twice() {
        var order = ReplyOrder()
        order.expect(ids[0], size: 1)
        order.expect(ids[1], size: 1)
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(!order.isWaiting(ids[1]))
        #expect(texts(&order, ids[1], frame("again")) == [])
        #expect(texts(&order, ids[2], frame("unknown")) == [])
        #expect(texts(&order, ids[0], frame("a")) == ["a", "b"])
        #expect(texts(&order, ids[0], frame("again")) == [])
    }

    @Test("an answer that waits for those before it is one: its message no longer waits for any")
    func answeredEarly() {
        var order = ReplyOrder()
        for id in ids { order.expect(id, size: 10) }
        #expect(order.waiting == 3)
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(order.waiting == 2 && order.count == 3)
        #expect(!order.isWaiting(ids[1]) && order.isWaiting(ids[2]))
        #expect(texts(&order, ids[2], nil) == [])
        #expect(order.waiting == 1)
    }

    @Test("what clients sent counts until the answer has left")
    func bytes() {
        var order = ReplyOrder()
        for (index, id) in ids.enumerated() { order.expect(id, size: 1 << index) }
        #expect(order.bytes == 7)
        _ = texts(&order, ids[1], frame("b"))
        #expect(order.bytes == 7)
        _ = texts(&order, ids[0], frame("a"))
        #expect(order.bytes == 4)
    }

    @Test("a message that is tried again under its id is answered, though its error has not left")
    func triedAgain() {
        var order = ReplyOrder()
        order.expect(ids[0], size: 1)
        order.expect(ids[1], size: 1)
        #expect(texts(&order, ids[1], frame("e")) == [])
        order.expect(ids[1], size: 1)
        #expect(order.isWaiting(ids[1]))
        #expect(texts(&order, ids[1], frame("b")) == [])
        #expect(texts(&order, ids[0], frame("a")) == ["a", "e", "b"])
    }
}
