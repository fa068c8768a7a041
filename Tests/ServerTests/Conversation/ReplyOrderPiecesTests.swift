import Pipeline
import Testing

@testable import Server

@Suite("The order of pieces of answers")
struct ReplyOrderPiecesTests {
    private let ids = (0..<2).map { UniqueID.timeOrdered(at: Timestamp(microseconds: $0)) }

    private func frame(_ text: String) -> ServerFrame { .error(PipelineError(.busy, text), clientID: nil, in: .text) }

    @Test("pieces of a later answer wait for those before it, and leave before the rest of theirs")
    func later() {
        var order = ReplyOrder()
        for id in ids { order.expect(id, size: 1) }
        #expect(order.add(frame("piece 1"), to: ids[1]) == nil)
        #expect(order.add(frame("piece 2"), to: ids[1]) == nil)
        #expect(order.add(frame("piece 0"), to: ids[0])?.text(sequence: 1) == "piece 0")
        #expect(order.settle(ids[0], frame("answer 0")) == .now)
        // Those that waited have not left yet, so the answer comes after them.
        #expect(order.settle(ids[1], frame("answer 1")) == .later)
        var left: [String] = []
        while let frame = order.next() { left.append(frame.text(sequence: 1)) }
        #expect(left == ["piece 1", "piece 2", "answer 1"])
        #expect(order.count == 0 && order.bytes == 0)
    }

    @Test("a piece after the answer is dropped")
    func late() {
        var order = ReplyOrder()
        for id in ids { order.expect(id, size: 1) }
        #expect(order.settle(ids[1], frame("answer")) == .later)
        #expect(order.add(frame("piece"), to: ids[1]) == nil)
        #expect(order.settle(ids[0], nil) == .now)
        #expect(order.next()?.text(sequence: 1) == "answer")
        #expect(order.next() == nil)
    }
}
