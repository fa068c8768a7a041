import Testing

@testable import Pipeline

@Suite("A queue in memory with several workers", .timeLimit(.minutes(1)))
struct MemoryQueueTests {
    private let queue = MemoryQueue(Queue.Options(capacity: nil, lanes: 3))

    private func push(_ prompts: [String], of session: Session = Session()) {
        for prompt in prompts { _ = queue.pushWithoutWaiting(Message(prompt: prompt, session: session)) }
    }

    /// What each worker gets; the queue is closed, so that none waits for more.
    private func everything() async -> [[String]] {
        queue.close()
        var prompts: [[String]] = []
        for lane in 0..<3 {
            prompts.append(await queue.next(lane: lane, upTo: 10, lingering: .zero).map(\.message.prompt))
        }
        return prompts
    }

    @Test("gives every worker something while there are sessions enough")
    func spread() async {
        for number in 0..<6 { push(["\(number)"]) }
        #expect(await everything().map(\.count) == [2, 2, 2])
    }

    @Test("keeps a session's messages with one worker, in order, while some of them are there")
    func order() async {
        let session = Session()
        push(["first"], of: session)
        push(["another's"])
        push(["second", "third"], of: session)
        #expect(await everything() == [["first", "second", "third"], ["another's"], []])
    }

    @Test("gives what comes of a session whose messages are done to whoever has least to do")
    func afterwards() async {
        let session = Session()
        push(["first"], of: session)
        let first = await queue.next(lane: 0, upTo: 1, lingering: .zero)
        push(["second"], of: session)
        queue.finish(first, lane: 0)
        push(["another's", "more of another's"])
        let second = await queue.next(lane: 0, upTo: 1, lingering: .zero)
        queue.finish(second, lane: 0)
        push(["a third's"])
        push(["third"], of: session)
        #expect((first + second).map(\.message.prompt) == ["first", "second"])
        #expect(await everything() == [["a third's"], ["another's", "more of another's"], ["third"]])
    }

    @Test("still knows where a session's messages are when a worker has put them back")
    func putBack() async {
        let session = Session()
        push(["first", "second"], of: session)
        let batch = await queue.next(lane: 0, upTo: 10, lingering: .zero)
        queue.putBack(batch, lane: 0)
        push(["third"], of: session)
        #expect(await everything() == [["first", "second", "third"], [], []])
    }

    @Test("still knows it when a worker has finished some and put back the rest, and forgets the session with the last")
    func partlyDone() async {
        let session = Session()
        push(["first", "second"], of: session)
        let batch = await queue.next(lane: 0, upTo: 10, lingering: .zero)
        queue.finish([batch[0]], lane: 0)
        queue.putBack([batch[1]], lane: 0)
        push(["third"], of: session)
        let rest = await queue.next(lane: 0, upTo: 10, lingering: .zero)
        #expect(rest.map(\.message.prompt) == ["second", "third"])
        queue.finish(rest, lane: 0)
        push(["another's"])
        push(["fourth"], of: session)
        #expect(await everything() == [["another's"], ["fourth"], []])
    }

    @Test("knows nothing of messages that it had no room for")
    func refused() async {
        let small = MemoryQueue(Queue.Options(capacity: 1, lanes: 2))
        let session = Session()
        #expect(small.pushWithoutWaiting(Message(prompt: "another's")) == .accepted)
        #expect(small.pushWithoutWaiting(Message(prompt: "refused", session: session)) == .full)
        small.finish(await small.next(lane: 0, upTo: 1, lingering: .zero), lane: 0)
        #expect(small.pushWithoutWaiting(Message(prompt: "first", session: session)) == .accepted)
        #expect(await small.next(lane: 0, upTo: 1, lingering: .zero).map(\.message.prompt) == ["first"])
    }

    @Test("says how old the oldest message is also while that is worked on")
    func age() async {
        let one = MemoryQueue(Queue.Options(capacity: nil, lanes: 1))
        let (first, second) = (Message(prompt: "first"), Message(prompt: "second"))
        _ = one.pushWithoutWaiting(first)
        _ = one.pushWithoutWaiting(second)
        let taken = await one.next(lane: 0, upTo: 1, lingering: .zero)
        #expect(one.depth == Queue.Depth(messages: 2, oldest: first.receivedAt))
        one.finish(taken, lane: 0)
        #expect(one.depth == Queue.Depth(messages: 1, oldest: second.receivedAt))
    }

    @Test("keeps what a worker has set aside until it is finished, whatever else is done meanwhile")
    func setAside() async {
        let one = MemoryQueue(Queue.Options(capacity: 3, lanes: 1))
        let session = Session()
        for prompt in ["aside", "done", "next"] {
            _ = one.pushWithoutWaiting(Message(prompt: prompt, session: session))
        }
        let batch = await one.next(lane: 0, upTo: 2, lingering: .zero)
        one.finish([batch[1]], lane: 0)
        let next = await one.next(lane: 0, upTo: 2, lingering: .zero)
        #expect(one.waiting(ofSession: session.id).map(\.prompt) == ["aside", "next"])
        one.putBack(next, lane: 0)
        #expect(one.waiting(ofSession: session.id).map(\.prompt) == ["aside", "next"])
        one.finish([batch[0]], lane: 0)
        #expect(one.depth.messages == 1)
        one.close()
        #expect(one.giveUp().map(\.prompt) == ["next"])
    }

    @Test("is full when what waits takes 16 MiB of memory, small values counted for what they take")
    func bytes() async {
        let one = MemoryQueue(Queue.Options(capacity: nil, lanes: 1))
        let objects = JSONValue.array(Array(repeating: .object(["a": .int(1)]), count: 5_000))
        var count = 0
        while count < 1_000, one.pushWithoutWaiting(Message(prompt: "x", metadata: ["k": objects])) == .accepted {
            count += 1
        }
        #expect(count > 10 && count < 60)
        one.finish(await one.next(lane: 0, upTo: 1_000, lingering: .zero), lane: 0)
        await one.waitForRoom()
        #expect(one.bytes == 0)
        #expect(MemoryQueue.room(forMessages: 5) == 16 << 20)
        #expect(MemoryQueue.room(forMessages: 10_000) == 10_000 << 14)
        #expect(MemoryQueue.room(forMessages: .max) == .max)
    }

    @Test("has a worker go on that was woken for what was then withdrawn")
    func withdrawn() async {
        let one = MemoryQueue(Queue.Options(capacity: nil, lanes: 1))
        let worker = Task {
            var last: [String] = []
            repeat {
                let batch = await one.next(lane: 0, upTo: 10, lingering: .zero)
                one.finish(batch, lane: 0)
                last = batch.map(\.message.prompt)
            } while !last.isEmpty && last != ["last"]
            return last
        }
        for number in 0..<2_000 {
            // The first wakes the worker, which most often comes too late for it.
            _ = one.pushWithoutWaiting(Message(prompt: "\(number)", session: Session()))
            _ = one.withdraw { _ in true }
            await Task.yield()
        }
        // Whatever of them it still has in hand, it comes to this one.
        while one.count > 0 { await Task.yield() }
        _ = one.pushWithoutWaiting(Message(prompt: "last", session: Session()))
        #expect(await worker.value == ["last"])
    }
}
