import TestPatience
import Testing

@testable import Pipeline

@Suite("What a queue in memory holds", .timeLimit(.minutes(1)))
struct MemoryQueueContentsTests {
    private let queue = MemoryQueue(Queue.Options(capacity: 3, lanes: 1))
    private let session = Session()

    private func push(_ prompt: String, at time: Int64) -> Queue.PushOutcome? {
        queue.pushWithoutWaiting(
            Message(
                id: .random(), receivedAt: Timestamp(microseconds: time), session: session, clientID: nil,
                prompt: prompt))
    }

    @Test("counts what is being worked on, and is as old as the oldest of all")
    func depth() async {
        #expect(queue.depth == Queue.Depth(messages: 0, oldest: nil))
        for time in 1...3 { #expect(push("\(time)", at: Int64(time)) == .accepted) }
        let first = await queue.next(lane: 0, upTo: 1, lingering: .zero)
        #expect(queue.depth == Queue.Depth(messages: 3, oldest: Timestamp(microseconds: 1)))
        #expect(push("4", at: 4) == .full)
        queue.finish(first, lane: 0)
        #expect(queue.depth == Queue.Depth(messages: 2, oldest: Timestamp(microseconds: 2)))
        #expect(push("4", at: 4) == .accepted)
        #expect(push("5", at: 5) == .full)
    }

    @Test("is known for each session, in order, with what is being worked on")
    func ofSession() async {
        for prompt in ["1", "2"] { _ = push(prompt, at: 1) }
        _ = queue.pushWithoutWaiting(Message(prompt: "another's"))
        _ = await queue.next(lane: 0, upTo: 1, lingering: .zero)
        #expect(queue.waiting(ofSession: session.id).map(\.prompt) == ["1", "2"])
    }

    @Test("is given up whole, and the queue then takes nothing")
    func givenUp() async {
        for prompt in ["1", "2"] { _ = push(prompt, at: 1) }
        _ = await queue.next(lane: 0, upTo: 1, lingering: .zero)
        queue.close()
        #expect(queue.giveUp().map(\.prompt) == ["1", "2"])
        #expect(queue.depth.messages == 0)
        #expect(push("3", at: 1) == .closed)
    }

    @Test("begins with what is put back")
    func putBack() async {
        for prompt in ["1", "2", "3"] { _ = push(prompt, at: 1) }
        queue.putBack(await queue.next(lane: 0, upTo: 2, lingering: .zero), lane: 0)
        let next = await queue.next(lane: 0, upTo: 3, lingering: .zero)
        #expect(next.map(\.message.prompt) == ["1", "2", "3"])
    }

    @Test("is waited for by those who find no room, until they are cancelled")
    func cancelledWaiting() async {
        for prompt in ["1", "2", "3"] { _ = push(prompt, at: 1) }
        let ended = Journal<Int>()
        let queue = queue
        let waiting = (0..<20).map { number in
            Task.immediate {
                await queue.waitForRoom()
                ended.note(number)
            }
        }
        for _ in 0..<20 { await Task.yield() }
        #expect(ended.entries.isEmpty)
        for task in waiting { task.cancel() }
        let deadline = ContinuousClock.now + .patience(.seconds(5))
        while ended.entries.count < 20, ContinuousClock.now < deadline { await Task.yield() }
        #expect(ended.entries.count == 20)
        queue.close()
    }
}
