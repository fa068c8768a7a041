import Pipeline
import Testing

@testable import Resources

@Suite("A partition of a queue in NATS")
struct PartitionTests {
    private let start = ContinuousClock.now

    private func held() -> Partition {
        var partition = Partition()
        partition.begin("c", keptUntil: start)
        partition.lastPull = start - .seconds(60)
        partition.requestedUntil = start - .seconds(60)
        return partition
    }

    @Test("asks for as much as there is room for, and for all of it again before that ends")
    func renewal() {
        var partition = held()
        #expect(partition.pull(at: start) == Partition.window)
        #expect(partition.pull(at: start + .seconds(1)) == 0)
        #expect(partition.pull(at: start + Partition.renewal) == Partition.window)
        #expect(partition.pull(at: start + Partition.renewal * 2) == Partition.window)
        #expect(Partition.renewal < Partition.pull && Partition.pull < Partition.lease)
    }

    @Test("asks for more once half of what it asked for is here and done")
    func more() {
        var partition = held()
        _ = partition.pull(at: start)
        partition.requested -= Partition.window / 2 - 1
        #expect(partition.pull(at: start) == 0)
        partition.requested -= 1
        #expect(partition.pull(at: start) == Partition.window / 2)
    }

    @Test("keeps its lease also where there is no room, and while it is given away")
    func lease() {
        var partition = held()
        partition.here = Partition.window * 2
        #expect(partition.pull(at: start) == 1)
        partition.leave(at: start)
        #expect(partition.pull(at: start + .seconds(1)) == 0)
        #expect(partition.pull(at: start + Partition.renewal) == 1)
        #expect(partition.end() == "c")
        #expect(partition.pull(at: start + .seconds(60)) == 0)
    }

    @Test("is free, held, full or leaving, and has a consumer in each but the first")
    func phases() {
        var partition = Partition()
        partition.leave(at: start)
        partition.leaveOut()
        #expect(partition.phase == .free && partition.consumer == nil && partition.end() == nil)
        partition.begin("a", keptUntil: start)
        #expect(partition.takes && partition.consumer == "a")
        partition.leaveOut()
        #expect(partition.isFull && !partition.takes && partition.consumer == "a")
        partition.leave(at: start)
        partition.leaveOut()
        #expect(partition.isLeaving && !partition.isFull && partition.consumer == "a")
        #expect(partition.end() == "a" && partition.phase == .free)
    }

    @Test("is being given away for some seconds at most, however often that is asked for")
    func farewell() {
        var partition = held()
        #expect(!partition.isOverdue(at: start + .seconds(60)))
        partition.leave(at: start)
        partition.leave(at: start + Partition.farewell / 2)
        #expect(!partition.isOverdue(at: start + Partition.farewell / 2))
        #expect(partition.isOverdue(at: start + Partition.farewell))
        #expect(Partition.farewell < .seconds(15))
    }

    @Test("is begun anew where messages wait for some time and none comes")
    func left() {
        var partition = held()
        func isLeft(_ waiting: Int, _ seconds: Int) -> Bool {
            partition.isLeft(waiting: waiting, for: .seconds(8), at: start + .seconds(seconds))
        }
        #expect(!isLeft(1, 0) && !isLeft(1, 7) && isLeft(1, 8))
        #expect(!isLeft(0, 9) && !isLeft(1, 10) && !isLeft(1, 17) && isLeft(1, 18))
        partition.here = 1
        #expect(!isLeft(1, 30))
        partition.here = 0
        partition.leave(at: start)
        #expect(!isLeft(1, 60) && !isLeft(1, 90))
    }

    @Test("is known by the session, the same on every host, and all are used")
    func index() {
        #expect(Partition.index(of: "") == 1)
        #expect(Set((0..<1_000).map { Partition.index(of: "session \($0)") }).count == Partition.count)
    }

    @Test("is one worker's share of as many as there are, whoever comes and goes")
    func shares() {
        var group = WorkerGroup()
        #expect(group.share(of: "b").count == Partition.count && !group.hasOthers)
        for other in ["a", "c"] { group.hear(.hello, from: other, of: nil, at: start) }
        let counts = ["a", "b", "c"].map { worker in
            var group = WorkerGroup()
            for other in ["a", "b", "c"] where other != worker { group.hear(.here, from: other, of: nil, at: start) }
            return group.share(of: worker).count
        }
        #expect(counts.sorted() == [5, 5, 6])
        group.hear(.gone, from: "a", of: nil, at: start)
        #expect(group.share(of: "b").count == 8)
        group.forget(at: start + .seconds(7))
        #expect(group.share(of: "b").count == Partition.count)
    }

    @Test("is left to others only while there are others")
    func offer() {
        var group = WorkerGroup()
        group.isOfferedTo(others: 3, until: start + .seconds(10))
        #expect(group.offer(of: 3) == nil)
        group.hear(.here, from: "a", of: nil, at: start)
        #expect(group.offer(of: 3) == start + .seconds(10) && group.offer(of: 4) == nil)
    }

    @Test("knows what was finished last, and not another message that has its number after the stream was made anew")
    func recent() {
        var finished = RecentlyFinished(limit: 3)
        let ids = (0..<5).map { _ in UniqueID.random() }
        for number in [0, 1, 1, 2, 3] { finished.insert(Int64(number), ids[number]) }
        #expect(!finished.contains(0, ids[0]) && finished.contains(1, ids[1]) && finished.contains(3, ids[3]))
        #expect(!finished.contains(3, ids[4]) && !finished.contains(4, ids[3]))
        finished.insert(9, ids[1])
        #expect(finished.ticket(of: ids[1]) == 9, "the number under which it came again")
        finished.insert(4, ids[4])
        #expect(finished.contains(9, ids[1]), "which is not the one that is forgotten")
    }

    @Test("knows a message again under another number while it is here, and once it was finished")
    func again() {
        var state = PartitionedQueue.State()
        let (id, other) = (UniqueID.random(), UniqueID.random())
        let taken = PartitionedQueue.Taken(
            id: id, partition: 0, acknowledgement: "", consumer: "", nextSign: .now)
        state.add(taken, as: 1)
        #expect(state.knows(id, besides: 2) && !state.knows(id, besides: 1) && !state.knows(other, besides: 2))
        #expect(state.remove(1) != nil)
        #expect(!state.knows(id, besides: 2) && state.ticketsHere.isEmpty)
        state.finished.insert(1, id)
        #expect(state.knows(id, besides: 2) && !state.knows(id, besides: 1))
    }

    @Test("remembers no more messages without an answer than its bound")
    func unanswered() {
        var state = PartitionedQueue.State()
        for _ in 0..<PartitionedQueue.unansweredLimit { state.keepUnanswered(.random()) }
        #expect(state.unanswered.count == PartitionedQueue.unansweredLimit)
        let last = UniqueID.random()
        state.keepUnanswered(last)
        #expect(state.unanswered.count <= PartitionedQueue.unansweredLimit && state.unanswered.contains(last))
    }

    @Test("keeps of what was handed over the latest, by bytes as well as by number")
    func handedOver() {
        var handedOver = HandedOver(maxBytes: 10)
        let session = Session(id: "s")
        for ticket: Int64 in 1...3 {
            handedOver.insert(KeptMessage(Message(prompt: "\(ticket)", session: session)), as: ticket, size: 4)
        }
        #expect(handedOver.messages(of: "s").map(\.ticket) == [2, 3])
        handedOver.remove(2)
        handedOver.insert(KeptMessage(Message(prompt: "4", session: session)), as: 4, size: 6)
        #expect(handedOver.messages(of: "s").map(\.ticket) == [3, 4])
    }

    @Test("goes on renewing its lease while there is no room for its messages")
    func full() {
        var partition = held()
        _ = partition.pull(at: start)
        partition.leaveOut()
        #expect(partition.pull(at: start + .seconds(1)) == 0)
        #expect(partition.pull(at: start + .milliseconds(4_500)) == 1)
    }

    @Test("has what follows a message that was given back wait for it, in its session")
    func givenBack() {
        var givenBack = GivenBack()
        let (one, other) = ("session-3", "session-4")
        for ticket: Int64 in [7, 5, 9, 7] { givenBack.insert(ticket, of: one) }
        #expect(!givenBack.blocks(5, of: one) && givenBack.blocks(6, of: one) && !givenBack.blocks(6, of: other))
        givenBack.remove(5, of: one)
        #expect(!givenBack.blocks(7, of: one) && givenBack.blocks(9, of: one))
        givenBack.insert(1, of: other)
        givenBack.forget(partition: Partition.index(of: one))
        #expect(!givenBack.blocks(9, of: one) && givenBack.blocks(9, of: other) && !givenBack.isEmpty)
        givenBack.remove(1, of: other)
        #expect(givenBack.isEmpty)
    }

    @Test("knows a message that is given back again and again once: of a partition no more than may be unacknowledged")
    func givenBackAgain() {
        var givenBack = GivenBack()
        let tickets = Int64(1)...Int64(Partition.unacknowledged)
        for _ in 0..<3 {
            for ticket in tickets { givenBack.insert(ticket, of: "session-\(ticket % 50)") }
        }
        for ticket in tickets { givenBack.remove(ticket, of: "session-\(ticket % 50)") }
        #expect(givenBack.isEmpty)
    }

    @Test("has a consumer removed that has been nobody's for long, and no other")
    func abandoned() {
        var abandoned = AbandonedConsumers()
        let isUnused = { (name: String) in name != "used" }
        #expect(abandoned.note(["used", "left"], start, where: isUnused).isEmpty)
        #expect(abandoned.note(["used"], start + .seconds(10), where: isUnused).isEmpty)
        #expect(abandoned.note(["used", "left"], start + .seconds(17), where: isUnused).isEmpty)
        #expect(abandoned.note(["used", "left"], start + .seconds(34), where: isUnused) == ["left"])
    }

    @Test("keeps how often processes died of a message that waited when it came, and of no other")
    func attempts() throws {
        let (poison, other, new) = (UniqueID.random(), UniqueID.random(), UniqueID.random())
        var attempts = Attempts()
        attempts.begin(3, (Array("{\"\(poison)\":2,\"gone\":1}".utf8), 7), waiting: 2)
        attempts.came(10, poison, of: 3)
        attempts.came(11, other, of: 3)
        attempts.came(12, new, of: 3)
        #expect(attempts.deaths(of: 10, in: 3) == 2 && attempts.deaths(of: 11, in: 3) == 0)
        #expect(attempts.deaths(of: 12, in: 3) == nil && attempts.deaths(of: 10, in: 4) == nil)
        #expect(attempts.note(10, of: 3, isBegun: true) && !attempts.note(12, of: 3, isBegun: true))
        let begun = try #require(attempts.value(of: 3))
        #expect(String(decoding: begun.bytes, as: UTF8.self) == "{\"\(poison)\":3}" && begun.revision == 7)
        #expect(attempts.note(10, of: 3, isBegun: false) && !attempts.note(10, of: 3, isBegun: false))
        attempts.gone(10, of: 3)
        #expect(attempts.value(of: 3).map { String(decoding: $0.bytes, as: UTF8.self) } == "{}")
        attempts.gone(11, of: 3)
        #expect(attempts.isEmpty)
    }

    @Test("counts nothing where what was kept can't be asked, or nothing waits")
    func noAttempts() {
        var attempts = Attempts()
        attempts.begin(3, nil, waiting: 5)
        attempts.begin(4, ([], 0), waiting: 0)
        attempts.came(1, .random(), of: 3)
        #expect(attempts.isEmpty && attempts.value(of: 3) == nil)
    }
}
